// Passkeys (Web Authentication): what the server asks for goes to the browser, what the browser's authenticator says goes back.

function bytes(text) {
    const plain = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
    return Uint8Array.from(plain, (character) => character.charCodeAt(0));
}

function text(buffer) {
    const plain = String.fromCharCode(...new Uint8Array(buffer));
    return btoa(plain).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

async function post(path, body) {
    const response = await fetch(path, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: body === undefined ? "" : JSON.stringify(body),
    });
    if (response.ok) return response;
    const problem = await response.json().catch(() => ({}));
    throw new Error(problem.detail ?? problem.title ?? "The server did not answer as it should.");
}

async function signIn() {
    const options = await (await post("/sign-in/passkey/options")).json();
    options.challenge = bytes(options.challenge);
    const credential = await navigator.credentials.get({ publicKey: options });
    const answer = await post("/sign-in/passkey", {
        id: text(credential.rawId),
        client_data: text(credential.response.clientDataJSON),
        authenticator_data: text(credential.response.authenticatorData),
        signature: text(credential.response.signature),
        user: text(credential.response.userHandle ?? new ArrayBuffer(0)),
    });
    location.assign((await answer.json()).location);
}

async function add(name) {
    const options = await (await post("/settings/passkeys/options")).json();
    options.challenge = bytes(options.challenge);
    options.user.id = bytes(options.user.id);
    for (const existing of options.excludeCredentials) existing.id = bytes(existing.id);
    const credential = await navigator.credentials.create({ publicKey: options });
    await post("/settings/passkeys", {
        name,
        client_data: text(credential.response.clientDataJSON),
        attestation: text(credential.response.attestationObject),
    });
    location.reload();
}

/// Shows a part of the page that needs passkeys, and what went wrong in it.
function offer(part, begin) {
    part.hidden = false;
    const form = part.querySelector("form");
    const error = part.querySelector("[role=alert]");
    form.addEventListener("submit", async (event) => {
        event.preventDefault();
        const button = form.querySelector("button");
        error.hidden = true;
        button.disabled = true;
        try {
            await begin(form);
        } catch (reason) {
            // Nobody answered the browser's question, or answered no: that needs no explanation.
            if (reason.name === "NotAllowedError" || reason.name === "AbortError") return;
            error.textContent = reason.name === "InvalidStateError"
                ? "This authenticator has a passkey of yours already." : reason.message;
            error.hidden = false;
        } finally {
            button.disabled = false;
        }
    });
}

if (window.PublicKeyCredential) {
    for (const part of document.querySelectorAll("[data-passkey=sign-in]")) offer(part, signIn);
    for (const part of document.querySelectorAll("[data-passkey=add]")) {
        offer(part, (form) => add(form.elements.name.value));
    }
}
