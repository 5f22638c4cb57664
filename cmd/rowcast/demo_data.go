package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"rowcast/internal/throwaway"
)

// The sample database: teams, the players that can be picked, and the picks.
// The players are made up.
var (
	demoTeams = []string{
		"Oilers", "Canucks", "Flames", "Jets", "Kraken", "Kings", "Sharks", "Wild",
		"Blackhawks", "Red Wings", "Maple Leafs", "Canadiens", "Bruins", "Rangers", "Penguins", "Senators",
	}
	demoFirst = []string{
		"Jori", "Emil", "Matej", "Noah", "Luca", "Anton", "Tomas", "Elias", "Owen", "Kasper", "Ilya", "Ryan",
	}
	demoLast = []string{
		"Lahtinen", "Bergström", "Novák", "Tremblay", "Keller", "Sokolov", "Halloran", "Nieminen", "Dvořák", "McKay", "Lindqvist", "Roy",
	}
	demoPositions = []string{"C", "LW", "RW", "D", "G"}
)

var demoSchema = []string{
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
	for i, name := range demoTeams {
		rows = append(rows, fmt.Sprintf("('%s', %d)", name, i+1))
	}
	return "INSERT INTO draft.teams (name, seat) VALUES " + strings.Join(rows, ", ")
}

func insertPlayers() string {
	var rows []string
	for i, first := range demoFirst {
		for j, last := range demoLast {
			n := i*len(demoLast) + j
			rows = append(rows, fmt.Sprintf("('%s %s', '%s', '2008-%02d-%02d', %d.%02d)", first, last,
				demoPositions[(i+2*j)%len(demoPositions)], n%12+1, n%28+1, (i*j)%2, (n*37)%100))
		}
	}
	return "INSERT INTO draft.players (name, position, born, points_per_game) VALUES " + strings.Join(rows, ", ")
}

// pickOnAndOn has the teams pick in turn until ctx ends. The table stays small:
// the oldest picks go.
func pickOnAndOn(ctx context.Context, s *throwaway.Server, every time.Duration) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	left := rand.Perm(len(demoFirst) * len(demoLast))
	for n := 3; ; n++ {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		next := left[n%len(left)]
		err := s.Exec(
			fmt.Sprintf("INSERT INTO draft.picks (round, team, player) VALUES (%d, '%s', '%s %s')", n/len(demoTeams)%7+1,
				demoTeams[n%len(demoTeams)], demoFirst[next%len(demoFirst)], demoLast[next/len(demoFirst)]),
			"DELETE FROM draft.picks WHERE id + 100 <= LAST_INSERT_ID()",
		)
		if err != nil && ctx.Err() == nil {
			return fmt.Errorf("insert a pick: %w", err)
		}
	}
}
