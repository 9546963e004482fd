/* Passkeys: has the browser make or use one, and puts its answer into the form. */
"use strict";

(() => {
  const form = document.querySelector("form[data-passkey]");
  if (!form) return;
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (one) => one.charCodeAt(0));
  const text = (buffer) =>
    btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const show = (name) => {
    const part = form.querySelector(`[data-passkey-${name}]`);
    if (part) part.hidden = false;
  };
  const numbered = (list) => (list || []).map((one) => ({ ...one, id: bytes(one.id) }));

  const options = () => {
    const given = JSON.parse(form.dataset.options);
    given.challenge = bytes(given.challenge);
    if (given.user) given.user.id = bytes(given.user.id);
    if (given.allowCredentials) given.allowCredentials = numbered(given.allowCredentials);
    if (given.excludeCredentials) given.excludeCredentials = numbered(given.excludeCredentials);
    return { publicKey: given };
  };

  const answerOf = (made) => {
    const response = { clientDataJSON: text(made.response.clientDataJSON) };
    for (const part of ["attestationObject", "authenticatorData", "signature", "userHandle"]) {
      if (made.response[part]) response[part] = text(made.response[part]);
    }
    return JSON.stringify({
      id: made.id,
      rawId: text(made.rawId),
      type: made.type,
      response,
      clientExtensionResults: made.getClientExtensionResults(),
    });
  };

  const button = form.querySelector("[data-passkey-button]");
  if (!window.PublicKeyCredential || /^[\d.]+$|:/.test(location.hostname)) {
    show("absent");
    button.hidden = true;
    return;
  }
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      const made = await navigator.credentials[form.dataset.passkey](options());
      form.elements.passkey.value = answerOf(made);
      form.submit();
    } catch {
      show("fault");
      button.disabled = false;
    }
  });
})();
