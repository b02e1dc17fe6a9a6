// Command testbed runs real Kubernetes control planes for the tests: one to try things out on (up,
// down), one that a scenario has brought to its state (run), and all of them to record (record).
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"

	"kubectl-sts/testbed/internal/controlplane"
)

const usage = `usage:
  testbed up                          start a control plane in the background
  testbed down                        stop it
  testbed run SCENARIO [-- CMD …]     bring a scenario to its state; run CMD, or hold until stdin closes
  testbed record [--raw DIR] [SCENARIO …]
                                      write tests/clusters/SCENARIO, or plain dumps below DIR
  testbed list                        the names of the scenarios
`

// place is where this repository keeps its things.
type place struct{ testbed, bin, clusters, tool string }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	code, err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "testbed:", err)
		os.Exit(max(1, code))
	}
	os.Exit(code)
}

func run(ctx context.Context, args []string) (int, error) {
	if len(args) == 0 {
		fmt.Fprint(os.Stderr, usage)
		return 2, errors.New("what to do?")
	}
	if args[0] == "as" && len(args) > 3 { // how components are started; see controlplane.As
		return 1, controlplane.As(args[1], args[2], args[3:])
	}
	at, err := here()
	if err != nil {
		return 1, err
	}
	switch command, rest := args[0], args[1:]; command {
	case "up":
		return 1, at.up()
	case "supervise": // what up starts in the background
		return 1, at.supervise(ctx)
	case "down":
		return 1, at.down()
	case "run":
		return at.run(ctx, rest)
	case "record":
		return 1, at.record(ctx, rest)
	case "list":
		return 1, at.list()
	default:
		fmt.Fprint(os.Stderr, usage)
		return 2, fmt.Errorf("unknown command %q", command)
	}
}

// here finds the repository from where this program was built to: target/testbed/bin/testbed.
func here() (place, error) {
	self, err := os.Executable()
	if err != nil {
		return place{}, err
	}
	bin := filepath.Dir(self)
	root := filepath.Join(bin, "..", "..", "..")
	at := place{
		testbed:  filepath.Join(root, "tests", "testbed"),
		bin:      bin,
		clusters: filepath.Join(root, "tests", "clusters"),
		tool:     filepath.Join(root, "target", "debug", "kubectl-sts"),
	}
	if tool := os.Getenv("KUBECTL_STS"); tool != "" {
		if at.tool, err = exec.LookPath(tool); err != nil {
			return at, err
		}
		if at.tool, err = filepath.Abs(at.tool); err != nil {
			return at, err
		}
	}
	if _, err := os.Stat(filepath.Join(at.testbed, "stages")); err != nil {
		return at, fmt.Errorf("not in target/testbed/bin of the repository: %w", err)
	}
	return at, nil
}
