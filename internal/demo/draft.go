// Package demo is what `rowcast demo` shows: a throwaway server with a sample
// hockey draft, and a draft board for the browser.
package demo

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"rowcast/internal/throwaway"
)

// Draft is a server that holds the sample draft.
type Draft struct{ *throwaway.Server }

// Start starts one; the caller must Close it. ctx bounds the start alone.
func Start(ctx context.Context, o throwaway.Options) (*Draft, error) {
	o.Args = append(o.Args, "--binlog-row-metadata=FULL")
	s, err := throwaway.Start(ctx, o)
	if err != nil {
		return nil, err
	}
	if err := s.Exec(schema...); err != nil {
		_ = s.Close()
		return nil, fmt.Errorf("fill the sample database: %w", err)
	}
	return &Draft{s}, nil
}

// Config is a config.toml that publishes the draft at listen.
func (d *Draft) Config(listen string) string {
	return fmt.Sprintf(configText, d.Addr(), d.User(), d.Password(), listen)
}

const configText = `
[source]
addr = %q
user = %q
password = %q
[http]
listen = %q
cors_origins = ["*"]           # so that a page on disk, or of another port, can be tried
[admin]
listen = ""
[stream]
heartbeat = "5s"
ping = "ping"
[[table]]
name = "draft.picks"
as = "picks"
on = ["insert", "update", "delete"]
rows = "all"
[[table]]
name = "draft.teams"
as = "teams"
on = ["insert", "update", "delete"]
rows = "all"
[[table]]
name = "draft.players"
as = "players"
on = ["insert", "update", "delete"]
rows = "all"
`

// The sample database: teams, the players that can be picked, and the picks.
// The players are made up.
var (
	teams = []string{
		"Oilers", "Canucks", "Flames", "Jets", "Kraken", "Kings", "Sharks", "Wild",
		"Blackhawks", "Red Wings", "Maple Leafs", "Canadiens", "Bruins", "Rangers", "Penguins", "Senators",
	}
	firstNames = []string{
		"Jori", "Emil", "Matej", "Noah", "Luca", "Anton", "Tomas", "Elias", "Owen", "Kasper", "Ilya", "Ryan",
	}
	lastNames = []string{
		"Lahtinen", "Bergström", "Novák", "Tremblay", "Keller", "Sokolov", "Halloran", "Nieminen", "Dvořák", "McKay", "Lindqvist", "Roy",
	}
	positions = []string{"C", "LW", "RW", "D", "G"}
)

var schema = []string{
	"CREATE DATABASE draft CHARACTER SET utf8mb4",
	`CREATE TABLE draft.teams (
		id INT NOT NULL PRIMARY KEY AUTO_INCREMENT,
		name VARCHAR(40) NOT NULL UNIQUE,
		seat INT NOT NULL COMMENT 'order in each round')`,
	`CREATE TABLE draft.players (
		id INT NOT NULL PRIMARY KEY AUTO_INCREMENT,
		name VARCHAR(60) NOT NULL UNIQUE,
		position ENUM('C', 'LW', 'RW', 'D', 'G') NOT NULL,
		born DATE NOT NULL,
		points_per_game DECIMAL(4,2) NOT NULL)`,
	`CREATE TABLE draft.picks (
		id INT NOT NULL PRIMARY KEY AUTO_INCREMENT,
		round INT NOT NULL DEFAULT 1,
		team VARCHAR(40) NOT NULL,
		player VARCHAR(60) NOT NULL,
		picked_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP)`,
	insertTeams(),
	insertPlayers(),
	"INSERT INTO draft.picks (round, team, player) VALUES (1, 'Oilers', 'Noah Tremblay'), (1, 'Canucks', 'Elias Bergström'), (1, 'Flames', 'Matej Novák')",
}

func insertTeams() string {
	var rows []string
	for i, name := range teams {
		rows = append(rows, fmt.Sprintf("('%s', %d)", name, i+1))
	}
	return "INSERT INTO draft.teams (name, seat) VALUES " + strings.Join(rows, ", ")
}

func insertPlayers() string {
	var rows []string
	for i, first := range firstNames {
		for j, last := range lastNames {
			n := i*len(lastNames) + j
			rows = append(rows, fmt.Sprintf("('%s %s', '%s', '2008-%02d-%02d', %d.%02d)", first, last,
				positions[(i+2*j)%len(positions)], n%12+1, n%28+1, (i*j)%2, (n*37)%100))
		}
	}
	return "INSERT INTO draft.players (name, position, born, points_per_game) VALUES " + strings.Join(rows, ", ")
}

// Pick has the teams pick in turn until ctx ends. The table stays small: the
// oldest picks go.
func (d *Draft) Pick(ctx context.Context, every time.Duration) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	left := rand.Perm(len(firstNames) * len(lastNames))
	for n := 3; ; n++ {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		next := left[n%len(left)]
		err := d.Exec(
			fmt.Sprintf("INSERT INTO draft.picks (round, team, player) VALUES (%d, '%s', '%s %s')", n/len(teams)%7+1,
				teams[n%len(teams)], firstNames[next%len(firstNames)], lastNames[next/len(firstNames)]),
			"DELETE FROM draft.picks WHERE id + 100 <= LAST_INSERT_ID()",
		)
		if err != nil && ctx.Err() == nil {
			return fmt.Errorf("insert a pick: %w", err)
		}
	}
}
