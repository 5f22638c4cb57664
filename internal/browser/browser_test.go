package browser

import "testing"

func TestPage(t *testing.T) {
	t.Parallel()
	script(t, "page.mjs", newStage(t, ""))
}

func TestResume(t *testing.T) {
	t.Parallel()
	script(t, "resume.mjs", newStage(t, ""))
}

func TestTabs(t *testing.T) {
	t.Parallel()
	script(t, "tabs.mjs", newStage(t, ""))
}
