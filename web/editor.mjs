// The query page with an editor: the form's text is edited with colours and completion, the answer is shown as a
// table, a chart or as it came. Nothing of it asks another site: completion comes from our own list of terms.
import Yasqe from "@zazuko/yasqe";
import "@zazuko/yasqe/build/yasqe.min.css";
import Yasr from "@zazuko/yasr";
import "@zazuko/yasr/build/yasr.min.css";
import "./editor.css";

const form = document.querySelector("form[data-terms]");
const area = form.querySelector("textarea");
const words = form.dataset;

// As the list of the server has them; fetched once, when they are first needed.
let list;
const terms = () => (list ??= fetch(words.terms).then((answer) => answer.json()));

// What a completer of IRIs is: its own place in a query, its own part of the list.
const completer = (name, isValidCompletionPosition) => ({
  name,
  bulk: true,
  autoShow: false,
  persistenceId: null,
  isValidCompletionPosition,
  get: async () => (await terms())[name],
  preProcessToken: Yasqe.Autocompleters.property.preProcessToken,
  postProcessSuggestion: Yasqe.Autocompleters.property.postProcessSuggestion,
});
const theirs = Yasqe.Autocompleters;
Yasqe.registerAutocompleter(completer("properties", theirs.property.isValidCompletionPosition), true);
Yasqe.registerAutocompleter(completer("classes", theirs.class.isValidCompletionPosition), true);
Yasqe.registerAutocompleter({
  ...theirs.prefixes,
  name: "ours",
  persistenceId: null,
  get: async () => Object.entries((await terms()).prefixes).map(([prefix, iri]) => `${prefix}: <${iri}>`),
}, true);

// The first column as names, the first column of numbers as bars.
class Chart {
  priority = 5;
  hideFromSelection = false;
  label = words.chart;
  constructor(yasr) {
    this.yasr = yasr;
  }
  rows() {
    const variables = this.yasr.results?.getVariables() ?? [];
    const bindings = this.yasr.results?.getBindings() ?? [];
    const number = variables.find((v) => bindings.some((b) => b[v]) && bindings.every((b) => !b[v] || (b[v].type !== "uri" && b[v].value.trim() !== "" && Number.isFinite(Number(b[v].value)))));
    const name = variables.find((v) => v !== number);
    if (!number || !name) return [];
    return bindings.filter((b) => b[number]).slice(0, 50).map((b) => ({ name: b[name]?.value ?? "", number: Number(b[number].value) }));
  }
  canHandleResults() {
    return this.rows().length > 1;
  }
  getIcon() {
    const icon = document.createElement("span");
    icon.textContent = "▮";
    icon.setAttribute("aria-hidden", "true");
    return icon;
  }
  draw() {
    const rows = this.rows();
    const most = Math.max(...rows.map((r) => Math.abs(r.number)), Number.MIN_VALUE);
    const table = document.createElement("table");
    table.className = "bars";
    for (const { name, number } of rows) {
      const row = table.insertRow();
      const head = document.createElement("th");
      head.scope = "row";
      head.textContent = name.replace(/^.*[/#](?=.)/, "");
      row.append(head);
      const bar = document.createElement("meter");
      bar.max = most;
      bar.value = Math.abs(number);
      bar.setAttribute("aria-hidden", "true");
      row.insertCell().append(bar);
      row.insertCell().textContent = String(number);
    }
    this.yasr.resultsEl.replaceChildren(table);
  }
}
Yasr.registerPlugin("chart", Chart, true);

const place = document.createElement("div");
area.after(place);
area.hidden = true;
const editor = new Yasqe(place, {
  value: area.value,
  persistenceId: null,
  createShareableLink: null,
  showQueryButton: false,
  resizeable: false,
  consumeShareLink: null,
  autocompleters: ["properties", "classes", "ours", "variables"],
  requestConfig: { endpoint: form.action, method: "POST", headers: {} },
});
// Tab leads on, as everywhere on a page; the editor would keep it for itself.
editor.setOption("extraKeys", { ...editor.getOption("extraKeys"), Tab: false, "Shift-Tab": false });
editor.getInputField().setAttribute("aria-label", form.querySelector("label").textContent);

const answer = document.createElement("section");
answer.setAttribute("aria-live", "polite");
answer.setAttribute("aria-label", words.result);
answer.id = "answer";
answer.hidden = true;
form.after(answer);
const results = new Yasr(answer, {
  persistenceId: null,
  pluginOrder: ["table", "chart", "boolean", "response"],
  defaultPlugin: "table",
  prefixes: () => editor.getPrefixesFromQuery(),
});
editor.on("queryResponse", (_, response, time) => {
  answer.hidden = false;
  results.setResponse(response, time);
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  area.value = editor.getValue();
  history.replaceState(null, "", `${form.action}?${new URLSearchParams({ query: area.value })}`);
  document.querySelector("#result")?.closest("section")?.remove();
  editor.query().catch(() => {});
});
// The worked queries are put into the editor instead of leading away.
for (const link of document.querySelectorAll("a[data-query]")) {
  link.addEventListener("click", (event) => {
    event.preventDefault();
    editor.setValue(link.closest("[data-example]").querySelector("pre").textContent);
    form.scrollIntoView();
    editor.focus();
    form.requestSubmit();
  });
}
