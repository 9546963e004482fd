// Forms lose nothing: going back finds a form as it was sent, with its key; another language keeps what was typed.
"use strict";

// A step of the history keeps its form's key, and what was typed, encrypted with a key of the user that only her own
// pages carry: whoever signs in after her and goes back reads nothing.
const draftForms = [...document.querySelectorAll("form[data-unsaved]")].filter((form) => form.elements.op_id);
const returned = performance.getEntriesByType("navigation")[0]?.type === "back_forward";
const bytes = (text) => Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
const hex = (data) => Array.from(new Uint8Array(data), (byte) => byte.toString(16).padStart(2, "0")).join("");
const draftKey = (() => {
  const text = document.querySelector('meta[name="draft-key"]')?.content;
  return text && crypto.subtle ? crypto.subtle.importKey("raw", bytes(text), "AES-GCM", false, ["encrypt", "decrypt"]) : null;
})();
const keepsDrafts = Boolean(document.querySelector('meta[name="draft-key"]'));

// A browser encrypts only on pages that came over HTTPS or from the same machine; for others the server does.
async function sealed(text) {
  if (!draftKey) return (await send("/account/draft/seal", { text })).sealed;
  const iv = crypto.getRandomValues(new Uint8Array(12));
  return hex(iv) + hex(await crypto.subtle.encrypt({ name: "AES-GCM", iv }, await draftKey, new TextEncoder().encode(text)));
}

async function opened(draft) {
  if (!draftKey) return (await send("/account/draft/open", { draft })).text;
  const [iv, data] = [bytes(draft.slice(0, 24)), bytes(draft.slice(24))];
  return new TextDecoder().decode(await crypto.subtle.decrypt({ name: "AES-GCM", iv }, await draftKey, data));
}

const typedFields = (form) => [...form.elements].filter((field) => field.name && !["hidden", "password", "submit", "button", "file"].includes(field.type));

function valuesOf(form) {
  return typedFields(form).map((field) => {
    if (field.options) return [field.name, [...field.selectedOptions].map((option) => [option.value, option.text])];
    return [field.name, ["checkbox", "radio"].includes(field.type) ? field.checked : field.value];
  });
}

function putBack(form, values) {
  const fields = typedFields(form);
  if (fields.length !== values.length || fields.some((field, index) => field.name !== values[index][0])) return;
  fields.forEach((field, index) => {
    const value = values[index][1];
    if (field.options) {
      for (const [id, text] of value) {
        if (![...field.options].some((option) => option.value === id)) field.add(new Option(text, id));
      }
      for (const option of field.options) option.selected = value.some(([id]) => id === option.value);
      const search = field.dataset.lookup && field.nextElementSibling?.querySelector("input");
      if (field.multiple) field.dispatchEvent(new Event("input"));
      else if (search) search.value = field.selectedOptions[0]?.value ? field.selectedOptions[0].text : "";
    } else if (typeof value === "boolean") field.checked = value;
    else field.value = value;
  });
  form.dispatchEvent(new Event("input", { bubbles: true }));
}

async function keepDraft(form, index) {
  if (!keepsDrafts) return;
  const draft = await sealed(JSON.stringify(valuesOf(form)));
  const drafts = [...(history.state?.drafts ?? [])];
  drafts[index] = draft;
  history.replaceState({ ...history.state, drafts }, "");
}

async function restoreDraft(form, draft) {
  putBack(form, JSON.parse(await opened(draft)));
}

draftForms.forEach((form, index) => {
  const { keys = [], drafts = [] } = history.state ?? {};
  if (!location.pathname.endsWith("/edit/")) { // an edit compares versions instead
    if (returned && keys[index]) form.elements.op_id.value = keys[index];
    keys[index] = form.elements.op_id.value;
    history.replaceState({ ...history.state, keys }, "");
  }
  if (returned && drafts[index] && keepsDrafts) restoreDraft(form, drafts[index]).catch(() => {});
  let timer = 0;
  form.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(() => keepDraft(form, index).catch(() => {}), 200); });
  form.addEventListener("submit", () => { clearTimeout(timer); keepDraft(form, index).catch(() => {}); });
});

// after signing in again, back to the form at once
document.querySelector("form[data-at-once]")?.requestSubmit();

// another language: the form comes back as it stands, and nothing of it is done
document.querySelectorAll('form[action="/account/language"]').forEach((form) => {
  form.addEventListener("submit", async (event) => {
    const main = document.querySelector("main");
    const open = main.querySelector("form[data-unsaved]");
    if (!open || !main.dataset.form || (main.dataset.form === "fresh" && !unsaved)) return;
    event.preventDefault();
    await fetch(form.action, { method: "POST", body: new FormData(form, event.submitter), redirect: "manual" });
    if (draftForms.includes(open)) await keepDraft(open, draftForms.indexOf(open)).catch(() => {});
    open.append(Object.assign(document.createElement("input"), { type: "hidden", name: "redisplay", value: "1" }));
    unsaved = false;
    open.submit(); // without its listeners: a form that swaps its part would leave the rest in the old language
  });
});
