// The sum of log-probabilities, the length penalty, and what else the search ended with.
const Score = {
  build() {
    const { log_prob, right_to_left, symbols, alpha, length_penalty, score } = DATA.score;
    const steps = el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": t("score-table") }, el("table", { id: "score-table" },
      el("caption", {}, t("score-table")),
      el("thead", {}, el("tr", {}, el("th", { scope: "col", class: "number" }, t("step")), el("th", { scope: "col" }, t("fed")),
        el("th", { scope: "col" }, t(DATA.forced ? "given" : "written")), ...["probability", "log-probability", "so-far"].map((key) => el("th", { scope: "col", class: "number" }, t(key))))),
      el("tbody", {}, ...DATA.steps.map((step) => el("tr", {}, el("td", { class: "number" }, String(step.number)), el("td", {}, tokenNode(step.fed, { exact: true })),
        el("th", { scope: "row" }, tokenNode(step.chosen, { exact: true })), el("td", { class: "number" }, share(step.probability)),
        el("td", { class: "number" }, fixed(step.log_prob, 4)), el("td", { class: "number" }, fixed(step.total, 4))))),
      el("tfoot", {}, el("tr", {}, el("th", { scope: "row", colspan: "4" }, t("sum")), el("td", { class: "number" }, fixed(log_prob, 4)), el("td", {})))));
    const total = right_to_left === null ? fixed(log_prob, 4) : `(${fixed(log_prob, 4)} + ${fixed(right_to_left, 4)}) / 2`;
    const how = el("div", {}, el("h3", {}, t("score-how")),
      el("div", { class: "worked", id: "score-worked" },
        el("p", {}, `log P(Y | X) = ${fixed(log_prob, 4)}`),
        ...(right_to_left === null ? [] : [el("p", {}, `log P(Y${"\u2190"} | X) = ${fixed(right_to_left, 4)}`)]),
        el("p", {}, `lp(Y) = ((5 + |Y|) / (5 + 1))^\u03b1`),
        el("p", { class: "penalty" }, `= ((5 + ${symbols}) / 6)^${number(alpha, 3).replace(/\.?0+$/, "")} = ${number(length_penalty)}`),
        el("p", { class: "result" }, `score = ${total} / ${number(length_penalty)} = ${fixed(score, 4)}`)),
      el("p", { class: "note" }, t(alpha === 0 ? "score-same" : "score-note"), " ", `(${t("score-penalty")})`));
    if (right_to_left !== null) how.append(el("p", { class: "note" }, t("score-both")));
    if (DATA.alternatives.length > 1 || (DATA.forced && DATA.alternatives.length)) how.append(this.alternatives());
    document.getElementById("score").replaceChildren(how, steps);
  },

  alternatives() {
    const title = t(DATA.forced ? "alternatives-forced" : "alternatives");
    return el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": title }, el("table", { id: "alternatives" }, el("caption", {}, title),
      el("thead", {}, el("tr", {}, el("th", { scope: "col" }, t("output")), el("th", { scope: "col", class: "number" }, t("log-probability")),
        el("th", { scope: "col", class: "number" }, t("symbols")), el("th", { scope: "col", class: "number" }, t("score-word")))),
      el("tbody", {}, ...DATA.alternatives.map((each) => {
        const name = el("th", { scope: "row" }, el("bdi", { class: "token" }, each.text || t("empty")));
        if (!each.finished) name.append(el("span", { class: "note" }, ` (${t("unfinished")})`));
        return el("tr", each.text === DATA.target.text ? { class: "won" } : {}, name,
          el("td", { class: "number" }, fixed(each.log_prob, 3)), el("td", { class: "number" }, String(each.symbols)), el("td", { class: "number" }, fixed(each.score, 3)));
      }))));
  },
};
