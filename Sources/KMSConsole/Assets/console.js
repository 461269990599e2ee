// The console works without this; it only saves some clicks.
"use strict";
document.documentElement.classList.add("scripted");
for (const box of document.querySelectorAll("input[data-all]")) {
  box.addEventListener("change", () => {
    for (const other of box.form.querySelectorAll(`input[type=checkbox][name="${box.dataset.all}"]`)) {
      other.checked = box.checked;
    }
  });
}
for (const button of document.querySelectorAll("button[data-copy]")) {
  // Browsers give the clipboard to pages of this machine, and to pages that came by TLS.
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    button.textContent = "Copied";
  });
}
// A chosen file becomes the Base64 text that the form sends.
for (const input of document.querySelectorAll("input[type=file][data-into]")) {
  input.addEventListener("change", async () => {
    const file = input.files[0];
    const most = Number(input.dataset.most);
    input.setCustomValidity(file && file.size > most ? `${file.name} has more than ${most} bytes.` : "");
    if (!file || !input.reportValidity()) return;
    const bytes = new Uint8Array(await file.arrayBuffer());
    document.getElementById(input.dataset.into).value = btoa(String.fromCharCode(...bytes));
  });
}
// What is sent once is not sent twice by a second press. A moment later, because a button that is off is not sent itself;
// and not for long, because a download leaves the page as it is.
for (const form of document.querySelectorAll("form[method=post]")) {
  form.addEventListener("submit", () => {
    const buttons = [...form.querySelectorAll("button:enabled")];
    const turn = (off) => { for (const button of buttons) button.disabled = off; };
    setTimeout(() => turn(true));
    setTimeout(() => turn(false), 5000);
  });
}
