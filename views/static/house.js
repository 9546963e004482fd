// The house's one script: everything here makes a plain page handier; nothing depends on it to be safe.
"use strict";

const words = document.querySelector("[data-words]")?.dataset ?? {};
const csrf = document.querySelector('meta[name="csrf"]')?.content ?? "";

async function send(address, values) {
  const body = new URLSearchParams(values);
  const answer = await fetch(address, {
    method: "POST",
    headers: { "X-CSRFToken": csrf, Accept: "application/json" },
    body,
  });
  const found = await answer.json().catch(() => ({ error: words.failed }));
  if (!answer.ok) throw new Error(found.error ?? words.failed);
  return found;
}

function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");
}

function say(text, kind = "error") {
  const toast = document.createElement("div");
  toast.className = `toast ${kind}`;
  toast.textContent = text;
  document.querySelector(".toasts")?.append(toast);
}

// light and dark: kept in a cookie, so that the server draws the page right at once
document.querySelector("[data-theme-button]")?.addEventListener("click", () => {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  document.cookie = `theme=${root.dataset.theme}; path=/; max-age=31536000; samesite=lax`;
  document.querySelectorAll("[data-chart]").forEach(draw);
});

// menus close when something else is pressed
document.addEventListener("click", (event) => {
  document.querySelectorAll("details.drop[open]").forEach((menu) => {
    if (!menu.contains(event.target)) menu.open = false;
  });
});

// a menu opens within the screen, however near to an edge its button stands
document.querySelectorAll("details.drop").forEach((menu) => {
  menu.addEventListener("toggle", () => {
    const body = menu.querySelector(".drop-body");
    if (!menu.open || !body) return;
    body.style.translate = "";
    body.style.maxHeight = "";
    const box = body.getBoundingClientRect();
    const gap = 8;
    const across = Math.max(gap - box.left, 0) || Math.min(document.documentElement.clientWidth - gap - box.right, 0);
    if (across) body.style.translate = `${across}px 0`;
    const top = document.querySelector(".bar")?.getBoundingClientRect().bottom ?? 0;
    const opensUp = box.bottom <= menu.getBoundingClientRect().top + 1;
    const room = opensUp ? box.bottom - top - gap : innerHeight - gap - box.top;
    if (box.height > room) body.style.maxHeight = `${Math.max(room, 160)}px`;
  });
});

// the entry of this page stands in sight in the side navigation
document.querySelector(".side [aria-current]")?.scrollIntoView({ block: "nearest" });

// what cannot be taken back lightly is asked about first
document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.dataset.ask || form.dataset.asked) return;
  event.preventDefault();
  const dialog = document.getElementById("ask");
  dialog.querySelector("#ask-text").textContent = form.dataset.ask;
  dialog.showModal();
  dialog.addEventListener("close", () => {
    if (dialog.returnValue === "yes") {
      form.dataset.asked = "1";
      form.requestSubmit();
    }
    dialog.returnValue = "";
  }, { once: true });
});

// one press, one sending; and a warning before unsaved words are left
let unsaved = false;
document.querySelectorAll("form[data-unsaved]").forEach((form) => {
  form.addEventListener("input", () => { unsaved = true; });
  form.addEventListener("submit", () => {
    unsaved = false;
    setTimeout(() => form.querySelectorAll("button").forEach((button) => { button.disabled = true; }));
  });
});
addEventListener("pageshow", () => document.querySelectorAll("form button:disabled").forEach((button) => { button.disabled = false; }));
addEventListener("beforeunload", (event) => { if (unsaved) event.preventDefault(); });

// choosing rows
document.querySelectorAll("form[data-bulk]").forEach((form) => {
  const ticks = () => [...form.querySelectorAll('input[name="ids"]')];
  const count = form.querySelector("[data-count]");
  const tell = () => {
    const chosen = ticks().filter((tick) => tick.checked).length;
    if (count) count.textContent = chosen ? `(${chosen})` : "";
  };
  form.querySelector("[data-all]")?.addEventListener("change", (event) => {
    ticks().forEach((tick) => { tick.checked = event.target.checked; });
    tell();
  });
  form.addEventListener("change", tell);
});

// a masked value is shown once the server has written down that it was
document.querySelectorAll("[data-reveal]").forEach((button) => {
  button.addEventListener("click", async () => {
    try {
      const found = await send(button.dataset.reveal, { id: button.dataset.id, field: button.dataset.field, op_id: newKey() });
      button.previousElementSibling.textContent = found.text;
      button.remove();
    } catch (error) { say(error.message); }
  });
});

// a text is copied; without this it can be selected and copied by hand
document.querySelectorAll("[data-copy]").forEach((button) => {
  const spot = document.getElementById(button.dataset.copy);
  if (!spot || !navigator.clipboard) return;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(spot.textContent.trim());
    const told = button.querySelector("[data-said]");
    if (told) told.textContent = button.dataset.done;
  });
});

document.querySelectorAll("[data-print]").forEach((button) => button.addEventListener("click", () => print()));

// what belongs to a record is loaded when it is opened; without this a link inside opens it
document.querySelectorAll("details[data-load]").forEach((spot) => {
  spot.addEventListener("toggle", async () => {
    if (!spot.open || !spot.dataset.load) return;
    const address = spot.dataset.load;
    delete spot.dataset.load;
    const answer = await fetch(address).catch(() => null);
    if (answer?.ok && !answer.redirected) {
      spot.querySelector("summary ~ p")?.remove();
      spot.insertAdjacentHTML("beforeend", await answer.text());
    } else location.assign(spot.querySelector("summary ~ p a").href);
  });
});

// editing in the list
document.querySelectorAll("[data-inline]").forEach((spot) => {
  spot.querySelector(":scope > button")?.addEventListener("click", () => openInline(spot));
});

function openInline(spot) {
  const before = [...spot.childNodes];
  const form = document.createElement("form");
  const choices = spot.dataset.choices ? JSON.parse(spot.dataset.choices) : null;
  const input = document.createElement(choices ? "select" : "input");
  for (const [value, text] of choices ?? []) input.append(new Option(text, value, false, value === spot.dataset.value));
  if (!choices) input.value = spot.dataset.value;
  input.setAttribute("aria-label", spot.dataset.field);
  const save = Object.assign(document.createElement("button"), { textContent: words.save, className: "button small primary" });
  const stop = Object.assign(document.createElement("button"), { textContent: words.cancel, className: "button small", type: "button" });
  const close = () => spot.replaceChildren(...before);
  form.append(input, save, stop);
  spot.replaceChildren(form);
  input.focus();
  stop.addEventListener("click", close);
  form.addEventListener("keydown", (event) => { if (event.key === "Escape") close(); });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      const { id, field, version } = spot.dataset;
      const found = await send(spot.dataset.inline, { id, field, version, value: input.value, op_id: newKey() });
      spot.dataset.version = found.version;
      spot.dataset.value = found.raw;
      document.querySelectorAll(`[data-inline][data-id="${id}"]`).forEach((other) => { other.dataset.version = found.version; });
      close();
      const shown = spot.querySelector(".chip") ?? spot.querySelector(".none");
      if (shown) { shown.textContent = found.text || "–"; } else { spot.firstChild.textContent = found.text; }
    } catch (error) { close(); say(error.message); }
  });
}

// a relation with many rows: its list is searched on the server
document.querySelectorAll("select[data-lookup]").forEach((select) => {
  const box = document.createElement("div");
  const input = document.createElement("input");
  const list = document.createElement("div");
  const id = `${select.id}-list`;
  box.className = "lookup";
  list.className = "lookup-list";
  list.hidden = true;
  Object.assign(list, { id, role: "listbox" });
  list.setAttribute("role", "listbox");
  Object.assign(input, { type: "text", autocomplete: "off", value: select.selectedOptions[0]?.value ? select.selectedOptions[0].text : "" });
  input.setAttribute("role", "combobox");
  input.setAttribute("aria-expanded", "false");
  input.setAttribute("aria-controls", id);
  input.setAttribute("aria-autocomplete", "list");
  const label = document.querySelector(`label[for="${select.id}"]`);
  if (label) { input.id = `${select.id}-search`; label.htmlFor = input.id; }
  if (select.getAttribute("aria-describedby")) input.setAttribute("aria-describedby", select.getAttribute("aria-describedby"));
  select.hidden = true;
  select.after(box);
  box.append(input, list);
  let timer = 0;
  let active = -1;
  let request = 0; // only the answer to the last is shown
  let outdated = false; // whether the list answers another text than the one typed
  const shut = () => {
    clearTimeout(timer);
    request += 1;
    outdated = false;
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
    active = -1;
  };
  const mark = (place) => {
    const options = [...list.querySelectorAll('[role="option"]')];
    if (!options.length) return;
    active = (place + options.length) % options.length;
    options.forEach((option, index) => option.setAttribute("aria-selected", String(index === active)));
    input.setAttribute("aria-activedescendant", options[active].id);
    options[active].scrollIntoView({ block: "nearest" });
  };
  const chips = document.createElement("div"); // of several rows that are chosen, each with a way to let it go
  const showChosen = () => {
    chips.replaceChildren(...[...select.selectedOptions].filter((option) => option.value).map((option) => {
      const chip = Object.assign(document.createElement("button"), { type: "button", className: "chip", textContent: `${option.text} ×` });
      chip.addEventListener("click", () => { option.remove(); select.dispatchEvent(new Event("input", { bubbles: true })); });
      return chip;
    }));
  };
  if (select.multiple) {
    box.prepend(chips);
    input.value = "";
    select.addEventListener("input", showChosen);
    showChosen();
  }
  const choose = (row) => {
    if (select.multiple) {
      if (![...select.options].some((option) => option.value === String(row.id))) select.add(new Option(row.text, row.id, true, true));
      input.value = "";
      select.dispatchEvent(new Event("input", { bubbles: true }));
      shut();
      return;
    }
    select.replaceChildren(new Option("", ""), new Option(row.text, row.id, true, true));
    input.value = row.text;
    select.dispatchEvent(new Event("input", { bubbles: true }));
    shut();
  };
  const look = async () => {
    clearTimeout(timer);
    const current = ++request;
    const rows = await send(`/${select.dataset.lookup}/ajax/lookup/`, { q: input.value }).catch(() => []);
    if (current !== request) return false;
    outdated = false;
    active = -1;
    list.replaceChildren(...rows.map((row, index) => {
      if (row.note) return Object.assign(document.createElement("small"), { className: "note", textContent: row.note });
      const option = document.createElement("div");
      Object.assign(option, { id: `${id}-${index}`, textContent: row.text });
      if (row.more) option.append(" ", Object.assign(document.createElement("small"), { textContent: row.more }));
      option.setAttribute("role", "option");
      option.setAttribute("aria-selected", "false");
      option.addEventListener("mousedown", (event) => { event.preventDefault(); choose(row); });
      option.row = row;
      return option;
    }));
    if (!rows.length) list.textContent = words.nothing;
    list.hidden = false;
    input.setAttribute("aria-expanded", "true");
    return true;
  };
  input.addEventListener("input", () => {
    request += 1;
    outdated = true;
    if (!input.value && !select.multiple) select.replaceChildren(new Option("", "", true, true));
    clearTimeout(timer);
    timer = setTimeout(look, 150);
  });
  input.addEventListener("focus", look);
  input.addEventListener("blur", () => {
    const chosen = select.selectedOptions[0];
    input.value = chosen?.value && !select.multiple ? chosen.text : "";
    shut();
  });
  input.addEventListener("keydown", async (event) => {
    if (event.key === "ArrowDown") { event.preventDefault(); mark(active + 1); }
    if (event.key === "ArrowUp") { event.preventDefault(); mark(active - 1); }
    if (event.key === "Escape") shut();
    if (event.key === "Enter" && (outdated || !list.hidden)) {
      event.preventDefault();
      if (outdated && !(await look())) return;
      const options = list.querySelectorAll('[role="option"]');
      if (options.length) choose(options[Math.max(active, 0)].row);
    }
  });
});

// what a bill comes to so far, before anything is said of paying
document.querySelectorAll("[data-total-so-far]").forEach((spot) => {
  const form = spot.closest("form");
  let timer = 0;
  let asked = 0;
  const look = async () => {
    const mine = ++asked;
    const body = new FormData(form);
    body.set("total_so_far", "1");
    const answer = await fetch(location.href, { method: "POST", body }).catch(() => null);
    if (mine === asked) spot.innerHTML = answer?.status === 200 ? await answer.text() : "";
  };
  const later = () => { clearTimeout(timer); timer = setTimeout(look, 300); };
  form.addEventListener("input", later);
  if (form.querySelector(".field select option:checked:not([value=''])")) later();
});

// the strip about the customer follows whom the form names
document.querySelectorAll("[data-strip]").forEach((spot) => {
  if (!spot.dataset.strip) return;
  document.querySelectorAll('select[name="customer"], select[name="customer_id"]').forEach((select) => {
    select.addEventListener("input", async () => {
      const number = select.value;
      const answer = number ? await fetch(`${spot.dataset.strip}?id=${encodeURIComponent(number)}`).catch(() => null) : null;
      if (select.value === number) spot.innerHTML = answer?.ok ? await answer.text() : "";
    });
  });
});

// of the staff, those who may give the service chosen beside them, in the store chosen; before one is chosen, all there
document.querySelectorAll("form[data-unsaved]").forEach((form) => {
  const narrow = () => {
    const store = form.querySelector('select[name="store"]')?.value ?? "";
    form.querySelectorAll("select:has(option[data-gives])").forEach((select) => {
      const among = select.closest(".row-form") ?? form;
      const chosen = among.querySelector('select[name$="service"], select[name="item"]')?.selectedOptions[0];
      const service = chosen?.dataset.service ?? chosen?.value ?? "";
      const works = (option) => !store || option.dataset.stores.split(" ").includes(store);
      const gives = (option) => option.dataset.gives.split(" ").includes(service);
      const staff = [...select.options].filter((option) => option.value && works(option));
      const able = service && /performer|staff|assistant/.test(select.name) && staff.some(gives) ? staff.filter(gives) : staff;
      for (const option of select.options) {
        const fits = !option.value || option.selected || able.includes(option);
        option.hidden = option.disabled = !fits;
      }
    });
  };
  if (!form.querySelector("option[data-gives]")) return;
  form.addEventListener("input", narrow);
  narrow();
});

// a form begins where something is wrong, or in the row that was added, or at its first field
document.querySelectorAll("form[data-focus]").forEach((form) => {
  if (form.querySelector("[autofocus]")) return;
  const rows = form.dataset.focus && form.querySelector(`[data-rows="${CSS.escape(form.dataset.focus)}"] .row-form:last-of-type`);
  const seen = (part) => [...part.querySelectorAll('.field :is(input, select, textarea)')].find((one) => one.checkVisibility());
  (form.querySelector('[aria-invalid="true"]') ?? form.elements[form.dataset.focusAt] ?? seen(rows || form))?.focus();
});

// from any field of a form, also from a list, and from where nothing has the focus: after going back
addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.target.closest("dialog[open]")) return;
  const form = event.target.closest("form") ?? document.querySelector("main form[data-unsaved]");
  if (form?.matches("[data-unsaved]")) form.requestSubmit();
});

// keys
let before = "";
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, textarea, select, dialog[open]")) return;
  const key = event.key;
  if (key === "/") { event.preventDefault(); document.getElementById("search")?.focus(); }
  if (key === "?") document.getElementById("keys")?.showModal();
  if (key === "n") document.querySelector("[data-new]")?.click();
  if (key === "e") document.querySelector("[data-edit]")?.click();
  if (before === "g" && key === "c") location.assign("/customer/");
  if (before === "g" && key === "h") location.assign("/");
  before = key;
});

// charts: drawn where the library is there; the table beside them is always there
function draw(spot) {
  if (!window.echarts) return;
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  const chart = JSON.parse(spot.dataset.chart);
  const palette = [colour("--accent"), "#d9a05b", "#7d9d8c", "#6f8fb3", "#a58bb0", "#b8a79d"];
  const tones = { rose: colour("--accent"), blue: "#6f8fb3", amber: "#d9a05b", green: "#7d9d8c", grey: "#b8a79d" };
  const text = { color: colour("--text-2"), fontFamily: colour("--font") };
  const plot = echarts.getInstanceByDom(spot) ?? echarts.init(spot, null, { renderer: "svg" });
  const axis = { axisLine: { lineStyle: { color: colour("--line") } }, axisTick: { show: false }, axisLabel: text };
  const bars = {
    grid: { left: 8, right: 8, top: 12, bottom: 4, containLabel: true },
    xAxis: { type: "category", data: chart.names, ...axis },
    yAxis: { type: "value", splitLine: { lineStyle: { color: colour("--line") } }, axisLabel: { ...text, formatter: (v) => chart.unit + v.toLocaleString() } },
    series: [{ type: "bar", data: chart.values, itemStyle: { color: colour("--accent"), borderRadius: [3, 3, 0, 0] }, barMaxWidth: 28 }],
  };
  const pie = {
    legend: { orient: "vertical", left: 0, top: "middle", textStyle: text, icon: "circle" },
    series: [{ type: "pie", radius: ["52%", "80%"], center: ["68%", "50%"], label: { show: false }, data: chart.names.map((name, i) => ({ name, value: chart.values[i], ...(chart.tones[i] ? { itemStyle: { color: tones[chart.tones[i]] } } : {}) })), itemStyle: { borderColor: colour("--surface"), borderWidth: 2 } }],
  };
  plot.setOption({
    color: palette,
    animation: false,
    aria: { enabled: true },
    tooltip: { renderMode: "richText", trigger: chart.kind === "pie" ? "item" : "axis", valueFormatter: (v) => chart.unit + v.toLocaleString() },
    ...(chart.kind === "pie" ? pie : bars),
  });
}
addEventListener("load", () => document.querySelectorAll("[data-chart]").forEach(draw));
addEventListener("resize", () => document.querySelectorAll("[data-chart]").forEach((spot) => window.echarts?.getInstanceByDom(spot)?.resize()));

// a form that is worked on at the server: the part that changed comes back, and she goes on where she was
async function swap(form, button) {
  const answer = await fetch(location.href, { method: "POST", body: new FormData(form, button) });
  if (answer.redirected) { unsaved = false; location.assign(answer.url); return; }
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.querySelector("form[data-swap]");
  if (!fresh) { form.submit(); return; }
  const name = document.activeElement?.name;
  document.querySelector("main").replaceWith(document.adoptNode(page.querySelector("main")));
  const there = document.querySelector("form[data-swap]");
  wire(there);
  const again = name && name !== "action" && there.querySelector(`[name="${CSS.escape(name)}"]`);
  const look = there.querySelector("#look");
  (document.querySelector("main .notice.bad") ?? (button?.value === "look" ? look : null))?.scrollIntoView({ block: "start" });
  const list = button?.value?.startsWith("add-") && (there.querySelector(`[data-list="${button.value.split(":")[1]}"]`) ?? there);
  if (list) [...list.querySelectorAll(".rule-row, [data-row]")].at(-1)?.querySelector("select, input:not([type=hidden]), textarea")?.focus();
  else again?.focus();
}
// what the form would write, shown beside it as soon as a field is left; of two answers the later question's stands
let asked = 0;
async function mirror(form) {
  const mine = ++asked;
  const answer = await fetch(location.href, { method: "POST", body: new FormData(form, form.querySelector('button[value="refresh"]')) });
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-mirror]");
  if (fresh && mine === asked) document.querySelector("[data-mirror]")?.replaceWith(document.adoptNode(fresh));
}
function wire(form) {
  form.addEventListener("input", () => { unsaved = true; });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    swap(form, event.submitter).catch(() => form.querySelectorAll("button").forEach((one) => { one.disabled = false; }));
  });
  form.addEventListener("change", (event) => {
    if (event.target.matches("[data-refresh], .rule-row > select")) swap(form, form.querySelector('button[value="refresh"]'));
    else if (document.querySelector("[data-mirror]")) mirror(form);
  });
}
// whoever is quicker than this script has written already
const touched = (field) => field.options
  ? field.selectedIndex !== Math.max(0, [...field.options].findIndex((one) => one.defaultSelected))
  : field.value !== field.defaultValue || field.checked !== field.defaultChecked;
document.querySelectorAll("form[data-swap]").forEach((form) => {
  wire(form);
  const first = [...form.querySelectorAll("input:not([type=hidden]), textarea, select")].find(touched);
  if (first) { unsaved = true; first.dispatchEvent(new Event("change", { bubbles: true })); }
});

// YAML with the numbers of its lines, and its faults while it is typed
document.querySelectorAll("form[data-check]").forEach((form) => {
  const text = form.querySelector("textarea.yaml"), lines = form.querySelector(".lines"), found = form.querySelector(".found");
  const number = (bad) => {
    lines.replaceChildren(...Array.from({ length: text.value.split("\n").length }, (_, n) => {
      const line = document.createElement("li");
      line.textContent = n + 1;
      line.className = bad.has(n + 1) ? "bad" : "";
      return line;
    }));
    lines.scrollTop = text.scrollTop;
  };
  const go = (line) => {
    const start = text.value.split("\n").slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
    text.focus();
    text.setSelectionRange(start, text.value.indexOf("\n", start) < 0 ? text.value.length : text.value.indexOf("\n", start));
    text.scrollTop = (line - 4) * 20;
  };
  const check = async () => {
    const asked = new FormData();
    asked.set("text", text.value);
    asked.set("csrf_token", form.querySelector('[name="csrf_token"]').value);
    const faults = await (await fetch(form.dataset.check, { method: "POST", body: asked })).json();
    number(new Set(faults.map((one) => one.line)));
    found.replaceChildren(...faults.map((one) => {
      const item = document.createElement("li"), button = document.createElement("button");
      Object.assign(button, { type: "button", className: "button tiny", textContent: `${one.line}:${one.column}` });
      button.addEventListener("click", () => go(one.line));
      item.append(button, " ", one.message);
      return item;
    }));
  };
  let timer;
  text.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(check, 300); });
  text.addEventListener("scroll", () => { lines.scrollTop = text.scrollTop; });
  number(new Set());
});

/* A request for an approval: what became of it is asked for until it is answered. */
document.querySelectorAll("[data-approval-state]").forEach((spot) => {
  const every = 4000;
  const look = async () => {
    let found;
    try {
      const answer = await fetch(spot.dataset.approvalState, { headers: { Accept: "application/json" } });
      if (!answer.ok) return;
      found = await answer.json();
    } catch {
      window.setTimeout(look, every);
      return;
    }
    if (found.state === "open") {
      window.setTimeout(look, every);
      return;
    }
    spot.classList.replace("warn", found.state === "allowed" ? "good" : "bad");
    spot.textContent = `${spot.dataset[found.state]} ${found.answer}`;
  };
  window.setTimeout(look, every);
});
