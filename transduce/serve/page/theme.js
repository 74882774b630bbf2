"use strict";
// Before anything is drawn, so that a page that is to be dark does not flash.
try {
  const theme = localStorage.getItem("transduce.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // Storage may be forbidden; the system's theme is then the one.
}
