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
    const bytes = new Uint8Array(await input.files[0].arrayBuffer());
    document.getElementById(input.dataset.into).value = btoa(String.fromCharCode(...bytes));
  });
}
