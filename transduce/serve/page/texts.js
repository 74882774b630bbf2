// Every text of the page, in English and Chinese, and how they are set in.
const TEXTS = {
  en: {
    skip: "Skip to the content", nav: "Pages", translate: "Translate", runs: "Runs", compare: "Compare",
    language: "Language of this page", theme: "Theme", "theme-auto": "System", "theme-light": "Light", "theme-dark": "Dark",
    "try-now": "Try now", again: "Try again", footer: "Everything here comes from this server, and what you type goes nowhere else.", api: "API",
    key: "API key of this server", "key-use": "Use it", "key-needed": "This server answers those who have a key. It is kept in this tab only.",
    "key-wrong": "The server does not know this key. Check it, or ask whoever runs the server.",
    from: "From", to: "To", run: "Run", swap: "Swap the languages", "swap-none": "No run here translates from {target} into {source}.",
    find: "Detect", "found-is": "Found: {language}", "found-perhaps": "Perhaps {language}; choose it if not",
    source: "Text", given: "source", output: "Translation", placeholder: "Type or paste text, or drop a file",
    "empty-hint": "The translation appears here as you type.", working: "Translating\u2026", done: "{seconds} s",
    count: "{count} characters", "too-long": "{count} characters; at most {most} are translated at once. Drop it here as a file (.txt) instead, or shorten it.",
    clear: "Clear", copy: "Copy", copied: "Copied", "copy-failed": "The browser did not allow it; select the text and copy it.",
    look: "Look inside", "look-note": "Opens what the model did for this sentence, step by step, in a new tab.",
    "word-sample": "word", legend: "How to read the words", "legend-unsure": "unsure: below 50\u00a0%", "legend-doubtful": "doubtful: below 20\u00a0%", "legend-kept": "chosen by you",
    "lit-hint": "Point at a word of the translation to see what it was made from; click it for other words. With the keyboard: Tab into the translation, arrow keys, Enter.",
    "lit-hint-plain": "Click a word of the translation for other words. With the keyboard: Tab into the translation, arrow keys, Enter.",
    "lit-word": "{word} looks at {list}", "word-label": "{word}, {percent}", "word-unsure": "{word}, unsure, {percent}", "word-doubtful": "{word}, doubtful, {percent}",
    "panel-title": "In place of \u201c{word}\u201d", "panel-note": "The likeliest words here, with their probabilities, and how the sentence would go on. Choose one and the rest is translated anew.",
    "panel-working": "Asking for other words\u2026", "panel-none": "The model sees no other word here.", close: "Close", undo: "Undo the choice",
    "option-label": "{word}, {percent}; {rest}", chosen: "Chosen: {word}. The rest was translated anew.", undone: "The choice was undone.",
    others: "What else the search found", "others-of": "For: {text}", "others-note": "Choose one to read it above. What differs is underlined.", score: "score {score}",
    plain: "Texts of more than {most} characters are shown without their words to open.",
    lost: "The server does not answer. Your text is kept; trying again in {seconds}\u00a0s.", "lost-now": "The server does not answer. Your text is kept; trying again now.",
    busy: "The server is busy. Your text is kept; asking again in {seconds}\u00a0s.", "rate": "Too many requests for this server. Your text is kept; asking again in {seconds}\u00a0s.",
    error: "The server refused: {error}", "error-server": "The server made an error. Its log says more; try again, or with another text.",
    "file-pick": "Translate a file", "file-go": "Translate", stop: "Stop", column: "Column to translate", drop: "Drop the file to translate it",
    "file-title": "File: {name}", "file-reading": "Sending\u2026", "file-working": "Translating\u2026", "file-progress": "{percent}", "file-left": "{percent}, about {time} left", "file-done": "Done. The server keeps it for a few minutes.", "file-get": "Download {name}",
    "file-stopped": "Stopped.", "file-choose": "This table has several columns.", "file-kind": "This server translates files that end with {list}. Save it as one of these.",
    "file-large": "The file has {size}; the server takes up to {most}. Split it.", "file-one": "One file at a time: {name} was taken.", "file-lost": "The server was lost on the way. Drop the file again when it is back.",
    "runs-title": "Runs that are served here", "runs-all": "All runs", pair: "{source} to {target}", curves: "Learning curves", samples: "Samples by step", data: "What it learned from", report: "Report",
    training: "training, step {step}", finished: "finished", "no-curves": "No measurements yet.", "no-samples": "No samples yet.", "no-report": "The report is written when training ends.",
    loss: "Loss (lower is better)", quality: "Quality (higher is better)", "line-train": "training", "line-valid": "validation",
    "chart-label": "{title}. Steps {first} to {last}. Arrow keys read the measurements.", "chart-hint": "Point at the curve, or use the arrow keys on it, to read a step.",
    "chart-at": "step {step}, {time}: {list}", "curves-table": "The validations as a table", step: "step", time: "time", best: "best", yes: "yes",
    "m-bleu": "BLEU", "m-chrf": "chrF", "m-ter": "TER", "m-exact_match": "exact, %", "m-perplexity": "perplexity", "m-token_accuracy": "tokens right, %", "m-loss": "loss",
    "step-slider": "Step", "at-step": "step {step}, {time}", reference: "reference", model: "model",
    languages: "languages", pairs: "pairs", parameters: "parameters", "trained-in": "trained in", vocabulary: "vocabulary",
    "d-file": "file", "d-rows": "rows read", "d-pairs": "pairs used", "d-source": "source words", "d-target": "target words", "d-lengths": "median {median}, 95 % up to {p95}, longest {longest} (row {longest_row})",
    "d-characters": "median {median}, 95 % up to {p95}, longest {longest} characters (row {longest_row})",
    "d-dropped": "left out", "d-duplicates": "repeated pairs", "d-several_targets": "sources with several targets", "d-several_sources": "targets with several sources", "d-same_text": "same text on both sides", "d-odd_ratios": "odd lengths",
    "d-held": "held out", "d-rows-at": "{count} (rows {rows})", "d-signs": "characters", "d-sign": "{name}: {source} in sources, {target} in targets", "d-notes": "notes", "d-overlap": "sources also in training", "d-train": "training", "d-valid": "validation", "d-test": "test", "d-none": "none",
    "compare-title": "Two runs on the same sentences", left: "First", right: "Second", sentences: "Sentences, one a line", "compare-figures": "Their reports",
    "compare-one": "Only one run is served here. Start the server with two: transduce serve RUN RUN", "compare-done": "{count} sentences: {left} took {a}\u00a0s, {right} {b}\u00a0s. They agree on {same}.",
    "compare-working": "Translating\u2026", "compare-many": "The first {most} of {count} lines are compared.", measure: "measure", "compare-hint": "What differs between the two is underlined.",
    minutes: "{minutes} min {seconds} s", seconds: "{seconds} s",
  },
  zh: {
    skip: "跳到正文", nav: "页面", translate: "翻译", runs: "模型", compare: "比较",
    language: "页面语言", theme: "主题", "theme-auto": "跟随系统", "theme-light": "浅色", "theme-dark": "深色",
    "try-now": "立即重试", again: "重试", footer: "这里的一切都来自这台服务器；你输入的内容不会去别处。", api: "API",
    key: "这台服务器的 API 密钥", "key-use": "使用", "key-needed": "这台服务器只回答持有密钥的人。密钥只保存在这个标签页里。",
    "key-wrong": "服务器不认识这个密钥。请核对，或询问服务器的管理者。",
    from: "从", to: "到", run: "模型", swap: "对调语言", "swap-none": "这里没有从{target}译到{source}的模型。",
    find: "自动识别", "found-is": "识别为{language}", "found-perhaps": "也许是{language}；若不是，请自行选择",
    source: "原文", given: "原文", output: "译文", placeholder: "输入或粘贴文字，或拖入一个文件",
    "empty-hint": "边输入，译文边在这里出现。", working: "正在翻译…", done: "{seconds} 秒",
    count: "{count} 个字符", "too-long": "共 {count} 个字符；一次最多翻译 {most} 个。请把它存成文件（.txt）拖到这里，或缩短。",
    clear: "清空", copy: "复制", copied: "已复制", "copy-failed": "浏览器不允许；请选中文字后复制。",
    look: "看里面", "look-note": "在新标签页中逐步打开模型对这句话所做的一切。",
    "word-sample": "词", legend: "如何读这些词", "legend-unsure": "不太确定：低于 50%", "legend-doubtful": "可疑：低于 20%", "legend-kept": "你选的",
    "lit-hint": "指向译文中的词，看它由什么而来；点击它，看别的说法。键盘：用 Tab 进入译文，再用方向键与回车。",
    "lit-hint-plain": "点击译文中的词，看别的说法。键盘：用 Tab 进入译文，再用方向键与回车。",
    "lit-word": "{word} 看向 {list}", "word-label": "{word}，{percent}", "word-unsure": "{word}，不太确定，{percent}", "word-doubtful": "{word}，可疑，{percent}",
    "panel-title": "代替“{word}”", "panel-note": "此处最可能的词、它们的概率，以及句子会怎样继续。选一个，其余部分随之重译。",
    "panel-working": "正在询问别的词…", "panel-none": "模型在此处看不到别的词。", close: "关闭", undo: "撤销选择",
    "option-label": "{word}，{percent}；{rest}", chosen: "已选：{word}。其余部分已重译。", undone: "已撤销选择。",
    others: "搜索还找到了什么", "others-of": "原句：{text}", "others-note": "选一个，就在上面读它。不同之处有下划线。", score: "得分 {score}",
    plain: "超过 {most} 个字符的文本不能逐词打开。",
    lost: "服务器没有回应。你的文字已保留；{seconds} 秒后重试。", "lost-now": "服务器没有回应。你的文字已保留；正在重试。",
    busy: "服务器正忙。你的文字已保留；{seconds} 秒后再问。", rate: "对这台服务器的请求过多。你的文字已保留；{seconds} 秒后再问。",
    error: "服务器拒绝了：{error}", "error-server": "服务器出错了，详情在它的日志里。请重试，或换一段文字。",
    "file-pick": "翻译文件", "file-go": "翻译", stop: "停止", column: "要翻译的列", drop: "放下文件即可翻译",
    "file-title": "文件：{name}", "file-reading": "正在发送…", "file-working": "正在翻译…", "file-progress": "{percent}", "file-left": "{percent}，约剩 {time}", "file-done": "完成。服务器会保留几分钟。", "file-get": "下载 {name}",
    "file-stopped": "已停止。", "file-choose": "这张表有好几列。", "file-kind": "这台服务器翻译以 {list} 结尾的文件。请另存为其中一种。",
    "file-large": "文件有 {size}；服务器最多接受 {most}。请拆分。", "file-one": "一次一个文件：已取 {name}。", "file-lost": "途中失去了服务器。等它回来后请再拖入文件。",
    "runs-title": "这里提供的模型", "runs-all": "全部模型", pair: "{source} → {target}", curves: "学习曲线", samples: "各步的样例", data: "它学了什么", report: "报告",
    training: "训练中，第 {step} 步", finished: "已完成", "no-curves": "还没有测量。", "no-samples": "还没有样例。", "no-report": "训练结束时写出报告。",
    loss: "损失（越低越好）", quality: "质量（越高越好）", "line-train": "训练", "line-valid": "验证",
    "chart-label": "{title}。第 {first} 到 {last} 步。用方向键读各次测量。", "chart-hint": "指向曲线，或在图上按方向键，读某一步。",
    "chart-at": "第 {step} 步，{time}：{list}", "curves-table": "以表格显示各次验证", step: "步", time: "时间", best: "最佳", yes: "是",
    "m-bleu": "BLEU", "m-chrf": "chrF", "m-ter": "TER", "m-exact_match": "完全一致 %", "m-perplexity": "困惑度", "m-token_accuracy": "词元正确 %", "m-loss": "损失",
    "step-slider": "步", "at-step": "第 {step} 步，{time}", reference: "参考", model: "模型",
    languages: "语言", pairs: "句对", parameters: "参数", "trained-in": "训练用时", vocabulary: "词表",
    "d-file": "文件", "d-rows": "读入行数", "d-pairs": "所用句对", "d-source": "原文词数", "d-target": "译文词数", "d-lengths": "中位数 {median}，95% 不超过 {p95}，最长 {longest}（第 {longest_row} 行）",
    "d-characters": "中位数 {median}，95% 不超过 {p95}，最长 {longest} 个字符（第 {longest_row} 行）",
    "d-dropped": "略去", "d-duplicates": "重复的句对", "d-several_targets": "一个原文有多个译文", "d-several_sources": "一个译文有多个原文", "d-same_text": "两边文字相同", "d-odd_ratios": "长度悬殊",
    "d-held": "留出", "d-rows-at": "{count}（第 {rows} 行）", "d-signs": "字符", "d-sign": "{name}：原文 {source} 处，译文 {target} 处", "d-notes": "说明", "d-overlap": "原文也在训练集中", "d-train": "训练", "d-valid": "验证", "d-test": "测试", "d-none": "无",
    "compare-title": "两个模型译同样的句子", left: "第一个", right: "第二个", sentences: "句子，每行一句", "compare-figures": "它们的报告",
    "compare-one": "这里只提供一个模型。请用两个启动服务器：transduce serve RUN RUN", "compare-done": "{count} 句：{left} 用了 {a} 秒，{right} 用了 {b} 秒。其中 {same} 句相同。",
    "compare-working": "正在翻译…", "compare-many": "共 {count} 行，比较前 {most} 行。", measure: "指标", "compare-hint": "两者不同之处有下划线。",
    minutes: "{minutes} 分 {seconds} 秒", seconds: "{seconds} 秒",
  },
};

export let language = "en";
const redraws = [];

// What must be drawn again when the language changes.
export function onLanguage(redraw) {
  redraws.push(redraw);
}

// The text under a name, with its values set in.
export function t(key, values = {}) {
  const text = TEXTS[language][key] ?? TEXTS.en[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

// The same as a list of strings and nodes, so that foreign text in a sentence keeps its own direction of writing.
export function parts(key, values) {
  return t(key).split(/(\{\w+\})/).filter(Boolean).map((piece) => {
    const name = piece[0] === "{" ? piece.slice(1, -1) : null;
    return name === null || !(name in values) ? piece : values[name];
  });
}

const ATTRIBUTES = [["tLabel", "aria-label"], ["tPlaceholder", "placeholder"]];

export function setLanguage(code) {
  language = code === "zh" ? "zh" : "en";
  try { localStorage.setItem("transduce.language", language); } catch { /* then it holds for this page only */ }
  document.documentElement.lang = language === "zh" ? "zh-Hans" : "en";
  for (const node of document.querySelectorAll("[data-t]")) node.textContent = t(node.dataset.t);
  for (const [name, attribute] of ATTRIBUTES) {
    const selector = `[data-${name.replace(/[A-Z]/g, (sign) => "-" + sign.toLowerCase())}]`;
    for (const node of document.querySelectorAll(selector)) node.setAttribute(attribute, t(node.dataset[name]));
  }
  for (const [id, value] of [["lang-en", "en"], ["lang-zh", "zh"]]) {
    document.getElementById(id).setAttribute("aria-pressed", String(language === value));
  }
  for (const redraw of redraws) redraw();
}

// What the user chose before, else what the browser asks for.
export function firstLanguage() {
  let kept = null;
  try { kept = localStorage.getItem("transduce.language"); } catch { /* nothing was kept */ }
  return kept ?? ((navigator.languages ?? [navigator.language])[0]?.toLowerCase().startsWith("zh") ? "zh" : "en");
}
