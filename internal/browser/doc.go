// Package browser holds the tests that look at rowcast as people do: the page,
// the client module, the examples and phpMyAdmin, in a real Chromium.
//
// Each test is a script under scripts, run by node with Playwright as
// Chromium's remote control. Go sets the stage: a throwaway database, the real
// rowcast as a process of its own, proxies, and an address where the script can
// have SQL run and processes killed. install.sh gets the programs; without
// one of them the tests fail rather than be left out.
package browser
