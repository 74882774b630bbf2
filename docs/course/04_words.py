# %% [markdown] en
# # 4. From numbers to words
#
# The model of the last pages reads numbers and writes numbers. Language gets there and back through a
# *tokenizer*: a list of pieces of text, and the place of each piece in the list is its number.
#
# ## Words
#
# The plainest list holds the words of the training texts. Each language has its own: the numbers of
# one list mean nothing in the other.

# %% [markdown] zh
# # 4. 从数字到词
#
# 前几页的模型读的是数字，写的也是数字。文字与数字之间靠*分词器*来回转换：它是一张表，列出文本的各个片段，
# 片段在表中的位置就是它的编号。
#
# ## 以词为单位
#
# 最简单的表列出训练文本中的所有词。每种语言各有一张表：同一个编号，在另一张表里指的是别的词。

# %%
import numpy as np
import torch
from matplotlib import pyplot as plt
from matplotlib.colors import ListedColormap
from workshop import save

import transduce

pairs = transduce.builtin_pairs(2000)
SPECIAL = ["<pad>", "<s>", "</s>", "<unk>"]  # padding, start, end, unknown: numbers 0 to 3
PAD, START, END, UNKNOWN = range(4)


def word_list(texts: list[str]) -> list[str]:
    words = dict.fromkeys(word for text in texts for word in text.split())
    return SPECIAL + list(words)


english = word_list([source for source, _ in pairs])
french = word_list([target for _, target in pairs])
print(len(english), "English words,", len(french), "French words")

source, target = pairs[5]
numbers = [french.index(word) for word in target.split()]
print(target, "->", numbers)
print(numbers, "->", " ".join(french[number] for number in numbers))
print("the same numbers in the English list:", " ".join(english[number] for number in numbers))

# %% [markdown] en
# Four numbers stand for no word. `<s>` starts the decoder, and `</s>` is what it writes when the sentence
# is over: without it a model cannot stop. `<pad>` fills a batch up (below). `<unk>` stands for any word
# that the list has not, and there always is one:

# %% [markdown] zh
# 有四个编号不代表任何词。`<s>` 让解码器开始；`</s>` 表示句子写完了，没有它，模型就不知道何时停笔。`<pad>`
# 用来把一批句子补齐（见下文）。`<unk>` 代表表里没有的词，而这样的词总会出现：

# %%
for length in (500, 1000, 2000):
    known = set(word_list([target for _, target in pairs[:length]]))
    unseen = [word for _, target in transduce.builtin_pairs(3000)[2000:] for word in target.split()]
    share = sum(word not in known for word in unseen) / len(unseen)
    print(f"list from {length:5,} sentences: {len(known):5,} entries, {100 * share:4.1f} % of new text unknown")

# %% [markdown] en
# ## Pieces
#
# Rare words are made of frequent parts. *Byte-pair encoding* (Sennrich et al. 2016, section 3.2) finds them:
# begin with single characters, and again and again join the pair of neighbours that is seen most often. A
# few lines are enough:

# %% [markdown] zh
# ## 以子词为单位
#
# 罕见的词由常见的部分组成。*字节对编码*（BPE，Sennrich 等 2016，第 3.2 节）能找出这些部分：从单个字符开始，
# 一次又一次地把相邻出现次数最多的两个片段合并起来。几行代码就够了：

# %%
from collections import Counter
from itertools import pairwise


def join(pieces: tuple[str, ...], pair: tuple[str, str]) -> tuple[str, ...]:
    """Wherever the two pieces of ``pair`` stand side by side, make one of them."""
    joined: list[str] = []
    for piece in pieces:
        if joined and (joined[-1], piece) == pair:
            joined[-1] += piece
        else:
            joined.append(piece)
    return tuple(joined)


def learn_merges(texts: list[str], count: int) -> list[tuple[str, str]]:
    words = Counter(f" {word}" for text in texts for word in text.split())  # the space belongs to the word
    cut = {word: tuple(word) for word in words}
    merges = []
    for _ in range(count):
        seen: Counter[tuple[str, str]] = Counter()
        for word, pieces in cut.items():
            for pair in pairwise(pieces):
                seen[pair] += words[word]
        best = max(seen, key=lambda pair: (seen[pair], pair))
        merges.append(best)
        cut = {word: join(pieces, best) for word, pieces in cut.items()}
    return merges


def pieces_of(text: str, merges: list[tuple[str, str]]) -> list[str]:
    found: list[str] = []
    for word in text.split():
        pieces = tuple(f" {word}")
        for pair in merges:
            pieces = join(pieces, pair)
        found += pieces
    return found


merges = learn_merges([target for _, target in pairs], 300)
print("the first merges:", [a + b for a, b in merges[:12]])
for count in (0, 30, 300):
    print(f"{count:3} merges:", "|".join(pieces_of("Nous ne lisions pas.", merges[:count])))

# %% [markdown] en
# `transduce.Tokenizer` does this with the `tokenizers` library, thousands of merges in seconds, and adds two
# things. Punctuation, digits and letters never share a piece. And what no piece covers, it spells by its bytes
# (256 more numbers), so no text is ever lost: decoding gives back exactly what was encoded, Chinese or an
# emoji included, whatever the vocabulary was learned from.

# %% [markdown] zh
# `transduce.Tokenizer`用 `tokenizers` 库做同样的事，几秒钟就能做几千次合并，并且多做了两件事。标点、数字和字母
# 从不混在同一个片段里；任何片段都覆盖不到的内容，就按字节拼写（再占 256 个编号），所以文本从不丢失：不管词表是从什么
# 语料学来的，编码之后再解码，总能一字不差地还原，汉字和表情符号也一样。

# %%
tokenizer = transduce.Tokenizer.train(
    [target for _, target in pairs], config=transduce.TokenizerConfig(kind="bpe", vocab=800)
)
for text in ("Nous ne lisions pas.", "Où est l'hôtel ?", "你好 🙂"):
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == text
    print(f"{len(ids):2} pieces:", "|".join(tokenizer.pieces(ids)))

# %% [markdown] en
# ## Numbers into vectors
#
# A number is only a name: 17 is not larger than 4 in any sense that matters. The first page fed the
# network one-hot vectors $x$; a one-hot vector times a matrix is one of its rows, so nobody multiplies.
# The row is looked up in a table $E$ of shape (vocab, embed), the *embedding*, and learned with everything else:
#
# $$x_t^\top E = E_{\text{token}_t}$$

# %% [markdown] zh
# ## 从编号到向量
#
# 编号只是名字：17 并不比 4 “大”。第一页给网络的是 one-hot 向量 $x$；one-hot 向量乘以矩阵，结果就是矩阵的一行，
# 所以实际上没有人去做这个乘法，而是直接到形状为 (vocab, embed) 的表 $E$ 里查出那一行。这张表叫*嵌入*（embedding），
# 和其余的权重一起学习：
#
# $$x_t^\top E = E_{\text{token}_t}$$

# %%
table = np.random.default_rng(0).normal(size=(len(french), 8))
one_hot = np.eye(len(french))[numbers]  # (tgt_len, vocab)
assert np.allclose(one_hot @ table, table[numbers])

# %% [markdown] en
# ## A batch: padding and masks
#
# Sentences of a batch have different lengths, an array has one width. The rest is filled with `<pad>`.
# `collate` makes the four arrays that training needs. Note the two target arrays: what the decoder is
# *given* begins with `<s>`, what it is *asked for* ends with `</s>`, and the second is the first moved
# by one place. At each place the decoder has seen all words before the one it is asked for, and not
# that one.

# %% [markdown] zh
# ## 一批句子：填充与掩码
#
# 同一批里的句子长短不一，而数组只有一个宽度，多出来的位置用 `<pad>` 填满。`collate` 生成训练所需的四个数组。
# 请留意两个目标数组：*喂给*解码器的以 `<s>` 开头，*要它回答*的以 `</s>` 结尾，后者正好是前者错开一位。于是在每个
# 位置上，解码器看过了答案之前的所有词，唯独没有看到答案本身。

# %%
from transduce.data.batches import collate, plan_batches

tokenizers = [
    transduce.Tokenizer.train(side, config=transduce.TokenizerConfig(kind="word", vocab=2500))
    for side in ([source for source, _ in pairs], [target for _, target in pairs])
]
encoded = list(zip(*(tokenizer.encode_batch([pair[side] for pair in pairs])
                     for side, tokenizer in enumerate(tokenizers)), strict=True))  # fmt: skip
batch = collate(encoded, [5, 0, 11])
for name in ("target_in", "target_out"):
    for row in getattr(batch, name):
        print(f"{name:10}", " ".join(piece.strip() for piece in tokenizers[1].pieces(row.tolist())))
    print()

# %% [markdown] en
# Padding must not be learned from and must change nothing. Three masks see to that: the encoder stops at each
# sentence's end, attention looks at no padding, and the loss leaves padded places out:
#
# $$L = -\frac{\sum_{t} m_t \log p(y_t \mid y_{<t}, x)}{\sum_{t} m_t}, \qquad m_t = [y_t \ne \text{pad}]$$
#
# That it changes nothing can be checked: a sentence alone, and the same sentence in a batch beside one three
# times as long, get the same logits.

# %% [markdown] zh
# 填充的位置不能参与学习，也不能影响任何结果。为此有三处掩码：编码器在每个句子的结尾停下，注意力不看填充，损失跳过填充：
#
# $$L = -\frac{\sum_{t} m_t \log p(y_t \mid y_{<t}, x)}{\sum_{t} m_t}, \qquad m_t = [y_t \ne \text{pad}]$$
#
# 到底有没有影响，可以检验：一个句子单独计算，和它与一个长三倍的句子放在同一批里计算，得到的 logits 一样。

# %%
torch.manual_seed(0)
model = transduce.RNN(
    transduce.RNNConfig(embed=32, hidden=32, tied="decoder"),
    source_vocab=tokenizers[0].vocab_size, target_vocab=tokenizers[1].vocab_size,
).eval()  # fmt: skip


def logits(rows: list[int]) -> torch.Tensor:
    made = collate(encoded, rows)
    with torch.no_grad():
        return model(*map(torch.from_numpy, (made.source, made.source_lengths, made.target_in)))


lengths = [len(target) for _, target in encoded]
short, long = int(np.argmin(lengths)), int(np.argmax(lengths))
alone, beside = logits([short])[0], logits([short, long])[0, : lengths[short] + 1]
assert torch.allclose(alone, beside, atol=1e-5)
print(f"{lengths[short]} pieces alone, and beside {lengths[long]}: the same logits")

# %% [markdown] en
# ## What padding costs
#
# Padded places are computed like all others. Padding every sentence to a fixed 50, as many first programs do,
# spends most of the work on nothing. Sorting by length and filling a batch up to a number of *tokens* spends almost
# all of it on words. Dark is work on words, light is padding:

# %% [markdown] zh
# ## 填充的代价
#
# 填充的位置和别的位置一样要计算。很多入门程序把每个句子都补到固定的 50，结果大部分算力都花在了空白上。先按长度排序，
# 再按 *token 数*装满一批，算力就几乎全花在词上了。图中深色是词，浅色是填充：

# %% [picture]
batches = plan_batches([len(x) for x, _ in encoded], [len(y) for _, y in encoded], tokens=120, seed=0, epoch=0)
shapes = {
    "padded to 50": [(50, [lengths[row] + 1 for row in range(40)])],
    "by length, 120 tokens a batch": [
        (max(lengths[row] + 1 for row in rows), [lengths[row] + 1 for row in rows]) for rows in batches
    ],
}
figure, axes = plt.subplots(1, 2, figsize=(7, 2.4), sharex=True, sharey=True)
for axis, (title, made) in zip(axes, shapes.items(), strict=True):
    grid = np.full((40, 51), 2)  # 0: a word, 1: padding, 2: nothing is computed
    at = 0
    for width, rows in made:
        for length in rows if at + len(rows) <= 40 else []:
            grid[at] = np.where(np.arange(51) < length, 0, np.where(np.arange(51) < width, 1, 2))
            at += 1
        at += 1
    axis.imshow(grid, cmap=ListedColormap(["#1f5f99", "#efc9bd", "white"]), aspect="auto", interpolation="nearest")
    axis.set(title=title, xlabel="place", ylabel="sentence")
save(figure, "04-padding.png")

# %%
everywhere = {}
for title, made in shapes.items():
    places = sum(width * len(rows) for width, rows in made)
    everywhere[title] = 1 - sum(sum(rows) for _, rows in made) / places
    print(f"{title}: {100 * everywhere[title]:.1f} % of the places are padding")
assert everywhere["padded to 50"] > 0.7
assert everywhere["by length, 120 tokens a batch"] < 0.1

# %% [markdown] en
# ![Sentences as rows of places: padded to 50, most places are padding; in batches by length, nearly none are](pictures/04-padding.png)
#
# In the library: `data/tokenizer.py`, `data/batches.py`, and the mask of the loss in `training/loss.py`.

# %% [markdown] zh
# ![每行一个句子：补到 50 时大部分位置是填充，按长度分批时几乎没有填充](pictures/04-padding.png)
#
# 对应的代码：`data/tokenizer.py`、`data/batches.py`，损失的掩码在 `training/loss.py`。
