package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"kubectl-sts/testbed/internal/controlplane"
	"kubectl-sts/testbed/internal/scenario"
)

// rawKinds is what a raw dump has, one file each.
var rawKinds = []string{
	"statefulsets", "pods", "persistentvolumeclaims", "persistentvolumes", "storageclasses", "services",
	"endpointslices", "controllerrevisions", "events", "nodes", "csidrivers", "csinodes", "volumeattachments",
	"leases", "poddisruptionbudgets", "resourcequotas", "horizontalpodautoscalers", "deployments", "daemonsets",
	"replicasets",
}

// record plays scenarios, two at a time, and records each.
func (at place) record(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("record", flag.ContinueOnError)
	raw := flags.String("raw", "", "write what kubectl get prints below this folder instead")
	parallel := flags.Int("parallel", 2, "how many control planes at a time")
	if err := flags.Parse(args); err != nil {
		return err
	}
	names := flags.Args()
	if len(names) == 0 {
		var err error
		if names, err = scenario.All(at.testbed); err != nil {
			return err
		}
	}
	var wait sync.WaitGroup
	problems := make([]error, len(names))
	slots := make(chan struct{}, *parallel)
	for i, name := range names {
		slots <- struct{}{}
		wait.Go(func() {
			began := time.Now()
			problems[i] = at.recordOne(ctx, name, *raw)
			if problems[i] == nil {
				fmt.Fprintf(os.Stderr, "%s: recorded, %.1f s\n", name, time.Since(began).Seconds())
			}
			<-slots
		})
	}
	wait.Wait()
	return errors.Join(problems...)
}

func (at place) recordOne(ctx context.Context, name, raw string) error {
	s, err := scenario.Load(at.testbed, name)
	if err != nil {
		return err
	}
	cluster, err := at.stage(ctx, s)
	if err != nil {
		return err
	}
	defer cluster.Stop()
	if raw != "" {
		return dump(ctx, cluster, filepath.Join(raw, s.Name))
	}
	if err := at.capture(ctx, cluster, s, name); err != nil {
		return fmt.Errorf("%s: %w", s.Name, err)
	}
	return nil
}

// capture lets the tool record the cluster as the scenario's user sees it, in the folder of the scenario's name.
func (at place) capture(ctx context.Context, cluster *controlplane.ControlPlane, s *scenario.Scenario, name string) error {
	file := filepath.Join(at.clusters, name, "cluster.json")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	defer os.Remove(filepath.Dir(file)) // only when it stayed empty
	cmd := exec.CommandContext(ctx, at.tool, "capture", "-o", file, "-A", "--unmasked")
	cmd.Env = cluster.Environ(s.User)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	began := time.Now()
	if err := controlplane.Start(cmd); err != nil {
		return err
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("kubectl-sts capture: %w\n%s", err, said.String())
	}
	written, err := os.Stat(file)
	if err != nil || written.ModTime().Before(began.Add(-time.Second)) {
		return fmt.Errorf("kubectl-sts capture wrote nothing\n%s", said.String())
	}
	return nil
}

func dump(ctx context.Context, cluster *controlplane.ControlPlane, folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	for _, kind := range rawKinds {
		text, err := cluster.Kubectl(ctx, "", "get", kind, "-A", "-o", "json", "--show-managed-fields")
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(folder, kind+".json"), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}
