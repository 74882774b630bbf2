# %% [markdown] en
# # 9. The article's program, printed and corrected
#
# Many readers come from an article, "Building a simple Seq2Seq architecture", whose program builds this model in Keras and
# TensorFlow for a table of English and French sentences. The idea is right and the program is not: it does not run, and
# what would run does not learn to translate. It is a good program to learn from, since each of its defects is a common one.
#
# The code under "printed" is *a reconstruction from a description* of that program, not a quotation. What is under
# "corrected" stands in [examples/article_keras.py](../../examples/article_keras.py), which runs:
#
# ```
# pip install 'transduce[keras]'
# python examples/article_keras.py pairs.csv --minutes 5 --translate "A man is riding a horse."
# ```
#
# Each defect was run, alone and beside its cure, on 4,000 built-in pairs
# ([examples/article_defects.py](../../examples/article_defects.py)); the figures below are what it gave.

# %% [markdown] zh
# # 9. 文章里的程序：原样与改正
#
# 许多读者是看了一篇题为 “Building a simple Seq2Seq architecture” 的文章才来的。文中的程序用 Keras 和 TensorFlow，
# 拿一张英法句子表来训练这个模型。思路是对的，程序却不对：它跑不起来；即使让它跑起来，也学不会翻译。不过它很适合拿来学习，
# 因为它的每一处毛病都很常见。
#
# 下面标为“原样”的代码，是*根据描述重建*的，不是引用原文。标为“改正”的代码出自
# [examples/article_keras.py](../../examples/article_keras.py)，可以直接运行：
#
# ```
# pip install 'transduce[keras]'
# python examples/article_keras.py pairs.csv --minutes 5 --translate "A man is riding a horse."
# ```
#
# 每一处毛病都用 4,000 个内置句对单独跑过，并与改正后的写法对照
# （[examples/article_defects.py](../../examples/article_defects.py)）；下面的数字就是跑出来的结果。

# %%
import json

from workshop import HERE

defects = json.loads((HERE / "measured/defects.json").read_text(encoding="utf-8"))

# %% [markdown] en
# ## 1. The tokenizer of the target language
#
# Printed (reconstruction): one tokenizer, fitted on English, turns both sides into numbers.
#
# ```python
# tokenizer = Tokenizer()
# tokenizer.fit_on_texts(english)
# x = pad_sequences(tokenizer.texts_to_sequences(english), maxlen=50, padding="post")
# y = pad_sequences(tokenizer.texts_to_sequences(french), maxlen=50, padding="post")
# ```
#
# Words that a Keras `Tokenizer` does not know are left out, without a word:

# %% [markdown] zh
# ## 1. 目标语言的分词器
#
# 原样（重建）：只有一个分词器，在英语上拟合，两侧都用它变成编号。
#
# ```python
# tokenizer = Tokenizer()
# tokenizer.fit_on_texts(english)
# x = pad_sequences(tokenizer.texts_to_sequences(english), maxlen=50, padding="post")
# y = pad_sequences(tokenizer.texts_to_sequences(french), maxlen=50, padding="post")
# ```
#
# Keras 的 `Tokenizer` 遇到不认识的词就丢掉，一声不吭：

# %%
found = defects["target_tokenizer"]
print(f"of the French words {found['lost_percent']:.1f} % are lost")
print(f"{found['sentence']}  ->  {found['left']}")

# %% [markdown] en
# What is left are names, and words that happen to be spelled alike. Corrected: each language has its own, fitted on its own texts;
# what is rare becomes "unknown" and not nothing; case and punctuation are kept, for they belong to a translation.
#
# ```python
# # examples/article_keras.py
# english, french = Words(source for source, _ in pairs), Words(target for _, target in pairs)
# ```
#
# ## 2. The shape of the labels
#
# ```python
# model.compile(optimizer="adam", loss="categorical_crossentropy")     # printed (reconstruction)
# model.fit([x, x], y, validation_split=0.2)                          # y: (pairs, 50), numbers of words
# ```
#
# This loss wants labels as wide as the vocabulary, a 1 at the right word. Keras refuses:

# %% [markdown] zh
# 剩下的只有人名，和碰巧拼写相同的词。改正：每种语言各有一个分词器，在自己的文本上拟合；罕见词变成“未知”，而不是消失；
# 保留大小写和标点，因为它们是译文的一部分。
#
# ```python
# # examples/article_keras.py
# english, french = Words(source for source, _ in pairs), Words(target for _, target in pairs)
# ```
#
# ## 2. 标签的形状
#
# ```python
# model.compile(optimizer="adam", loss="categorical_crossentropy")     # 原样（重建）
# model.fit([x, x], y, validation_split=0.2)                          # y：(pairs, 50)，词的编号
# ```
#
# 这个损失要求标签和词表一样宽，在正确的词处为 1。Keras 拒绝执行：

# %%
found = defects["labels_shape"]
print("ValueError:", found["error"])
print(f"one-hot labels of just these 4,000 pairs would take {found['one_hot_gigabytes']:.2f} GB")

# %% [markdown] en
# Corrected: the loss that takes numbers.
#
# ```python
# # examples/article_keras.py
# self.trained.compile(keras.optimizers.Adam(1e-3, clipnorm=1.0), loss="sparse_categorical_crossentropy",
# ```
#
# ## 3. What encoder and decoder are fed
#
# In `fit([x, x], y)` the decoder is fed the *source* a second time. It can then tag each English word with a French one, but
# what it writes never depends on what it has written. Beside it, trained as long on the same pairs, the corrected one:

# %% [markdown] zh
# 改正：用接受编号的损失。
#
# ```python
# # examples/article_keras.py
# self.trained.compile(keras.optimizers.Adam(1e-3, clipnorm=1.0), loss="sparse_categorical_crossentropy",
# ```
#
# ## 3. 喂给编码器和解码器的是什么
#
# `fit([x, x], y)` 把*源句*又喂给了解码器一遍。这样它可以给每个英语词配一个法语词，但它写什么，与它已经写了什么毫无关系。
# 旁边是改正后的程序，在同样的句对上训练同样久：

# %%
fed, cured = defects["fed"], defects["shifted"]
print(f"{'':28}{'fed the source':>16}{'corrected':>12}{'data':>8}")
for name, title in (
    ("words_right_percent", "words right in their place"),
    ("sentences_right_percent", "whole sentences right"),
    ("same_word_twice_percent", "same word twice in a row"),
):
    data = f"{fed['twice_in_data_percent']:.1f} %" if "twice" in name else ""
    print(f"{title:28}{fed[name]:14.1f} %{cured[name]:10.1f} %{data:>8}".rstrip())

# %% [markdown] en
# A surprise: on so few pairs the wrong one gets *more* words right. It has each English word before its eyes as it
# writes, where the corrected one has a single vector for the sentence: the narrow door that page 6 opens. What it cannot do is
# know what it has written: it says the same word twice.

# %% [markdown] zh
# 意外的是，句对这么少的时候，错的那个反而写对了*更多*的词。它写每个词时，对应位置的英语词就在眼前；而改正后的程序手里只有一个代表
# 整句的向量，这正是第 6 页要打开的那道窄门。它做不到的，是知道自己写过什么：同一个词会写两遍。

# %% [markdown] en
# ## 4. The shift
#
# The next attempt is usually `fit([x, y], y)`: the decoder is fed the translation, and asked for the same translation at the same
# places. The word it is asked for stands in front of it. It learns to copy, the figures look splendid, and on its own, with
# nothing to copy from, it cannot write:

# %% [markdown] zh
# ## 4. 错位
#
# 接下来常见的改法是 `fit([x, y], y)`：把译文喂给解码器，又要它在同样的位置回答同样的译文。答案就摆在它面前，于是它学会了抄写，
# 训练数字漂亮极了；等到独自工作、没有东西可抄时，它什么也写不出来：

# %%
found = defects["shift"]
print(f"accuracy that Keras reports on held-out pairs  {found['accuracy_percent']:.1f} %")
print(f"words right when it writes on its own          {found['words_right_alone_percent']:.1f} %")

# %% [markdown] en
# Corrected: what the decoder is fed is one place behind what it is asked for. `<start>` comes before, `<end>` behind.
#
# ```python
# # examples/article_keras.py
# target_in = padded([[START, *self.targets[row]] for row in rows])
# target_out = padded([[*self.targets[row], END] for row in rows])
# return (source, target_in), target_out
# ```
#
# And to write, the decoder runs one step at a time on its own words (`Seq2Seq.write`); `predict` on the
# training model, which wants the translation as an input, translates nothing.
#
# ## 5. The target of the loss, and the padding
#
# The labels are the padded sentences. Most of them are padding, so a model that always answers "padding" already looks good;
# and no label says that a sentence is over. Trained that way, with the padding masked but without `<end>`, it goes on writing:

# %% [markdown] zh
# 改正：喂给解码器的比要它回答的错开一位。前面加 `<start>`，后面加 `<end>`。
#
# ```python
# # examples/article_keras.py
# target_in = padded([[START, *self.targets[row]] for row in rows])
# target_out = padded([[*self.targets[row], END] for row in rows])
# return (source, target_in), target_out
# ```
#
# 写译文的时候，解码器一步一步地走，读的是自己写出的词（`Seq2Seq.write`）；而对训练用的模型调用 `predict`，要把译文当作输入，
# 那不叫翻译。
#
# ## 5. 损失的目标，以及填充
#
# 标签是填充过的句子，大部分都是填充，一个总是回答“填充”的模型看起来就已经很不错了；而且没有哪个标签告诉它句子写完了。
# 屏蔽了填充、但没有 `<end>` 的模型，会一直写下去：

# %%
found, state = defects["loss_target"], defects["last_state"]
print(f"labels that are padding, and the accuracy of always answering it  {found['padding_percent']:.1f} %")
print(f"words too many in each sentence, without <end>                    {found['extra_words']:.1f}")
print(f"likeness (cosine) of the encoder's last states of different sentences: "
      f"{state['without_mask']:.3f} unmasked, {state['with_mask']:.3f} masked")  # fmt: skip

# %% [markdown] en
# The last line is the quiet one: read on to place 50, over some forty steps of nothing, and a fresh encoder
# has forgotten which sentence it was. The decoder gets the same vector for all. Corrected: `mask_zero=True` in both
# embeddings, and batches padded to their own longest sentence.
#
# ## Against the clock
#
# The same 29,000 pairs (Multi30k, English to French), the same minutes and cores, greedy output (beam 5 in brackets) on 1,000 test
# sentences (`benchmarks/article.py`). Keras gets the minutes for training alone; `transduce train --budget` for everything, its
# report included. "As printed" has two of its defects mended, without which it neither runs nor writes French: labels and tokenizer.

# %% [markdown] zh
# 最后一行最不显眼：一直读到第 50 个位置，在空白上走了四十来步，刚初始化的编码器已经忘了读的是哪一句，解码器拿到的向量全都一样。
# 改正：两个嵌入层都设 `mask_zero=True`，每一批只填充到这一批里最长的句子。
#
# ## 和时间赛跑
#
# 同样的 29,000 个句对（Multi30k 英译法）、同样的分钟数和核数，在 1,000 个测试句上做贪心解码（括号里是束宽 5），见
# `benchmarks/article.py`。Keras 的时间只算训练；`transduce train --budget` 的时间包含一切，连报告在内。
# “as printed” 已经改好了其中两处毛病，即标签和分词器，否则它既跑不起来，也写不出法语。

# %%
place = HERE / "measured/article.json"
if place.exists():
    measured = json.loads(place.read_text(encoding="utf-8"))
    print(f"{measured['minutes']:g} minutes, {measured['threads']} threads, {measured['machine']}\n")
    print(f"{'':40}{'weights':>9}{'words/s':>9}{'BLEU':>14}{'sentences/s':>13}")
    for row in measured["rows"]:
        beam = "" if row["bleu_beam"] is None else f" ({row['bleu_beam']:.1f})"
        bleu = f"{row['bleu']:.2f}{beam}"
        print(f"{row['program']:40}{row['parameters'] / 1e6:8.1f}M{row['words_per_second']:9,.0f}{bleu:>14}"
              f"{row['sentences_per_second']:13,.0f}")  # fmt: skip
    print(f"\n{measured['sources'][0]}")
    for row in measured["rows"]:
        print(f"    {row['program']:40} {row['samples'][0] or '(nothing)'}"[:110])
else:
    print("not measured yet: python benchmarks/article.py --json docs/course/measured/article.json")

# %% [markdown] en
# Words a second count words of the target text, the same for all rows.
#
# Why is the corrected one still slow? It keeps the article's sizes: 512 units, a vocabulary of whole words, no attention. In a few minutes
# on two cores half that width, pieces of words, and attention get much further: pages 4 and 6, and
# [how a budget is spent](../budget.md).

# %% [markdown] zh
# 每秒词数数的都是目标文本的词，各行一致。
#
# 改正之后为什么还是慢？因为它保留了文章的规模：512 个单元、整词的词表、没有注意力。两个核、几分钟的时间里，宽度减半、用子词、
# 加上注意力，能走得远得多：见第 4、6 页，以及[时间预算是怎么花的](../budget.md)。
