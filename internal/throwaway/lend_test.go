package throwaway

import "testing"

// lendings runs each function as a test of its own, one after the other, on a server of Test.
type lendings struct {
	t      *testing.T
	flavor Flavor
	tests  []func(t *testing.T, s *Server)
}

func (l lendings) Run() int {
	for _, f := range l.tests {
		l.t.Run("", func(t *testing.T) { f(t, Test(t, l.flavor)) })
	}
	return 0
}

// TestLending: the next test gets the same server, as new; but not one that is not as it was.
func TestLending(t *testing.T) {
	for _, f := range Flavors {
		dir := ""
		next := func(same bool, then func(t *testing.T, s *Server)) func(t *testing.T, s *Server) {
			return func(t *testing.T, s *Server) {
				if (s.Dir() == dir) != same {
					t.Errorf("it got %s after %s", s.Dir(), dir)
				}
				dir = s.Dir()
				if rows, err := s.Query("SHOW DATABASES LIKE 'd%'"); err != nil || len(rows) > 0 {
					t.Errorf("databases: %v, %v", rows, err)
				}
				if rows, err := s.Query("SHOW BINARY LOGS"); err != nil || len(rows) != 1 || rows[0][0] != "binlog.000001" {
					t.Errorf("binlogs: %v, %v", rows, err)
				}
				then(t, s)
			}
		}
		other := func(sql string) func(t *testing.T, s *Server) {
			return func(t *testing.T, s *Server) { must(t, s.Exec(sql)) }
		}
		code := Lending{M: lendings{t, f, []func(t *testing.T, s *Server){
			next(false, func(t *testing.T, s *Server) {
				must(t, s.Exec("CREATE DATABASE d", "CREATE TABLE d.t (id INT PRIMARY KEY)", "INSERT INTO d.t VALUES (1)", "FLUSH BINARY LOGS"))
				c, err := s.Conn() // which nobody closes
				if err != nil {
					t.Fatal(err)
				}
				if _, err := c.Execute("LOCK TABLES d.t WRITE"); err != nil {
					t.Error(err)
				}
			}),
			next(true, other("SET GLOBAL max_connections = 99")),
			next(false, other("CREATE USER u")),
			next(false, func(t *testing.T, s *Server) {
				must(t, s.Exec("CREATE DATABASE d", "CREATE TABLE d.t (id INT PRIMARY KEY)", "XA START 'x'", "INSERT INTO d.t VALUES (1)", "XA END 'x'", "XA PREPARE 'x'"))
			}),
			next(false, func(t *testing.T, s *Server) {
				if err := s.Restart(t.Context()); err != nil {
					t.Error(err)
				}
			}),
			next(false, other("DO 0")),
		}}}.Run()
		if code != 0 {
			t.Errorf("code %d", code)
		}
	}
}
