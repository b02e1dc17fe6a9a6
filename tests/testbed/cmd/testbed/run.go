package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"

	"kubectl-sts/testbed/internal/controlplane"
	"kubectl-sts/testbed/internal/scenario"
)

func (at place) list() error {
	names, err := scenario.All(at.testbed)
	if err != nil {
		return err
	}
	for _, name := range names {
		s, err := scenario.Load(at.testbed, name)
		if err != nil {
			return err
		}
		fmt.Printf("%-36s %s\n", name, s.About)
	}
	return nil
}

// stage brings a scenario to its state on a control plane of its own, which the caller stops.
func (at place) stage(ctx context.Context, s *scenario.Scenario) (*controlplane.ControlPlane, error) {
	folder, err := controlplane.NewFolder(s.Name, false)
	if err != nil {
		return nil, err
	}
	cluster, err := controlplane.New(ctx, folder, s.Options(at.testbed, at.bin))
	if err != nil {
		return nil, err
	}
	if err := s.Play(ctx, cluster, os.Stderr); err != nil {
		cluster.Stop()
		return nil, err
	}
	return cluster, nil
}

// run runs a command against the scenario and returns its exit code, or holds the scenario.
func (at place) run(ctx context.Context, args []string) (int, error) {
	if len(args) == 0 || len(args) > 1 && args[1] != "--" || len(args) == 2 {
		return 2, errors.New("usage: testbed run SCENARIO [-- CMD …]")
	}
	s, err := scenario.Load(at.testbed, args[0])
	if err != nil {
		return 1, err
	}
	cluster, err := at.stage(ctx, s)
	if err != nil {
		return 1, err
	}
	defer cluster.Stop()
	if len(args) > 2 {
		return command(ctx, cluster, s.User, args[2:])
	}
	line, err := json.Marshal(map[string]any{
		"scenario": s.Name, "kubeconfig": cluster.Kubeconfig(s.User),
		"adminKubeconfig": cluster.Kubeconfig(controlplane.Admin), "dns": cluster.DNS(),
	})
	if err != nil {
		return 1, err
	}
	fmt.Println(string(line))
	closed := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(closed)
	}()
	select {
	case <-closed:
	case <-ctx.Done():
	case err := <-cluster.Failed():
		return 1, err
	}
	return 0, nil
}

func command(ctx context.Context, cluster *controlplane.ControlPlane, user string, args []string) (int, error) {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env = cluster.Environ(user)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := controlplane.Start(cmd); err != nil {
		return 1, err
	}
	err := cmd.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return max(1, exit.ExitCode()), nil // the command has said why
	}
	return 0, err
}
