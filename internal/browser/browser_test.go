package browser

import (
	"testing"

	"rowcast/internal/throwaway"
)

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

func TestExamples(t *testing.T) {
	t.Parallel()
	script(t, "examples.mjs", newStage(t, ""))
}

func TestMistakes(t *testing.T) {
	t.Parallel()
	script(t, "mistakes.mjs", newStage(t, "", `
[[table]]
name = "draft.picks"
as = "keyless"
columns = ["team", "player"]
`))
}

func TestCrossOrigin(t *testing.T) {
	t.Parallel()
	script(t, "cors.mjs", newStage(t, "cors_origins = [\"$CONTROL\"]"))
}

func TestRefused(t *testing.T) {
	t.Parallel()
	script(t, "refused.mjs", newStage(t, `cors_origins = ["*"]`))
}

func TestGrammar(t *testing.T) {
	t.Parallel()
	script(t, "grammar.mjs", newStage(t, ""))
}

func TestConnection(t *testing.T) {
	t.Parallel()
	script(t, "connection.mjs", newStageOn(t, throwaway.MariaDB, []string{"ROWCAST_STREAM_PING=ping"}, "cors_origins = [\"$CONTROL\"]", `
[[table]]
name = "draft.picks"
as = "text"
data = "text"
text = "{{.player}}"
`))
}

func TestPlaces(t *testing.T) {
	t.Parallel()
	script(t, "places.mjs", newStageOn(t, throwaway.MariaDB, []string{"ROWCAST_STREAM_HISTORY=64KiB"}, ""))
}
