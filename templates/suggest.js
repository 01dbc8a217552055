// Tells, while a suggestion is written, which entries may be meant already. The form works without.
const form = document.querySelector("form.suggestion");
const list = document.querySelector("#alike");
let wait;
let last = "";
form.addEventListener("input", () => {
  clearTimeout(wait);
  wait = setTimeout(async () => {
    const data = new FormData(form);
    const asked = new URLSearchParams();
    for (const [name, value] of data) {
      if (/^(short|long|entry|[A-E]-link)$/.test(name) && value.trim()) asked.append(name, value);
    }
    if (asked.toString() === last) return;
    last = asked.toString();
    const answer = await fetch(`${form.action}/duplicates?${asked}`);
    if (!answer.ok || asked.toString() !== last) return;
    const items = (await answer.json()).map((entry) => {
      const item = document.createElement("li");
      const link = document.createElement("a");
      link.href = entry.href;
      link.textContent = entry.title;
      item.append(`${entry.why} `, link);
      return item;
    });
    list.replaceChildren(...items);
    list.parentElement.hidden = items.length === 0;
  }, 300);
});
