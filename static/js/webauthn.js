// Passkeys and security keys: <passkey-form data-act="create|get|login" data-options="JSON"> around a form with a hidden
// input named credential. Submitting asks the device first; its answer then goes to the server as JSON.
// login fetches its options when it is asked, so that nothing is begun for those who type a password.

const decode = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
const encode = (buffer) => {
  let text = "";
  for (const byte of new Uint8Array(buffer)) text += String.fromCharCode(byte);
  return btoa(text).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
};
const named = (list) => list?.map((each) => ({ ...each, id: decode(each.id) }));

function toCreate(options) {
  return {
    ...options,
    challenge: decode(options.challenge),
    user: { ...options.user, id: decode(options.user.id) },
    excludeCredentials: named(options.excludeCredentials),
  };
}

function toGet(options) {
  return { ...options, challenge: decode(options.challenge), allowCredentials: named(options.allowCredentials) };
}

function fromDevice(credential) {
  const { response } = credential, sent = { clientDataJSON: encode(response.clientDataJSON) };
  for (const name of ["attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (response[name]) sent[name] = encode(response[name]);
  }
  if (response.getTransports) sent.transports = response.getTransports();
  return {
    id: credential.id,
    rawId: encode(credential.rawId),
    type: credential.type,
    authenticatorAttachment: credential.authenticatorAttachment,
    clientExtensionResults: credential.getClientExtensionResults(),
    response: sent,
  };
}

function reasonOf(error) {
  if (error.name === "NotAllowedError") return "The device did not confirm, or it took too long. Try again.";
  if (error.name === "InvalidStateError") return "This device is on your account already.";
  if (error.name === "SecurityError") return "Keys work only at the exchange's own host name over https, not at an IP address. On this machine, open it as localhost.";
  if (error.name === "NotSupportedError") return "This device cannot be used as a key here.";
  return error.message || "The device could not be asked.";
}

customElements.define("passkey-form", class extends HTMLElement {
  connectedCallback() {
    const form = this.querySelector("form");
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const problem = form.querySelector('[role="alert"]');
      problem.hidden = true;
      try {
        form.elements.credential.value = JSON.stringify(await this.ask(form));
      } catch (error) {
        problem.textContent = reasonOf(error);
        problem.hidden = false;
        form.querySelectorAll(".btn.busy").forEach((button) => button.classList.remove("busy"));
        return;
      }
      form.submit();
    });
  }

  async ask(form) {
    if (!navigator.credentials || !window.PublicKeyCredential) throw new Error("This browser has no passkeys, or the page was not opened over https.");
    const { publicKey } = await this.options(form);
    if (this.dataset.act !== "create") return fromDevice(await navigator.credentials.get({ publicKey: toGet(publicKey) }));
    const alone = form.elements.passwordless?.checked ?? false;
    publicKey.authenticatorSelection = {
      ...publicKey.authenticatorSelection,
      residentKey: alone ? "required" : "discouraged",
      requireResidentKey: alone,
      ...(alone && { userVerification: "required" }),
    };
    return fromDevice(await navigator.credentials.create({ publicKey: toCreate(publicKey) }));
  }

  async options(form) {
    if (this.dataset.options) return JSON.parse(this.dataset.options);
    const answer = await fetch(form.action, { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error("The server did not answer. Try again in a minute.");
    return (await answer.json()).request_options;
  }
});
