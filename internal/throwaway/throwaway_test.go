package throwaway

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSmoke(t *testing.T) {
	for i := range 2 {
		_ = i
		for _, f := range Flavors {
			t.Run(string(f), func(t *testing.T) {
				s := Test(t, f)
				t.Log(s.Version(), s.Addr(), s.ClientCommand())
			})
		}
	}
}
