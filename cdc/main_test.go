package cdc

import (
	"testing"

	"go.uber.org/goleak"

	"rowcast/internal/throwaway"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(throwaway.Lending{M: m}) }
