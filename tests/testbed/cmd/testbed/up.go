package main

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"kubectl-sts/testbed/internal/controlplane"
)

// upName is the folder of this checkout's control plane, so that two checkouts can each have one.
func (at place) upName() string {
	hash := fnv.New32a()
	_, _ = io.WriteString(hash, at.testbed)
	return fmt.Sprintf("up-%08x", hash.Sum32())
}

func (at place) upFolder() string { return filepath.Join(controlplane.Base(), at.upName()) }

// up starts the supervisor and waits until it says that the control plane is there.
func (at place) up() error {
	folder := at.upFolder()
	if !controlplane.InUse(folder) {
		if err := at.startSupervisor(); err != nil {
			return err
		}
	}
	users := func(user string) string { return filepath.Join(folder, user+".kubeconfig") }
	fmt.Printf("export KUBECONFIG=%s\n", users(controlplane.Admin))
	dns, _ := os.ReadFile(filepath.Join(folder, "dns"))
	fmt.Printf("# kubectl is %s; the cluster's DNS answers on %s; beside admin.kubeconfig lie\n"+
		"# nobody.kubeconfig and sets-only.kubeconfig, with fewer rights; tests/testbed/down stops it all\n",
		filepath.Join(at.bin, "kubectl"), dns)
	return nil
}

func (at place) startSupervisor() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	said, says, err := os.Pipe()
	if err != nil {
		return err
	}
	// The supervisor says here why it ended, if it ended by itself. Its folder goes with it.
	if err := os.MkdirAll(controlplane.Base(), 0o700); err != nil {
		return err
	}
	log, err := os.Create(at.upFolder() + ".log")
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(self, "supervise")
	cmd.Stdout, cmd.Stderr = says, log
	// Not exec through Start: this child is the one that outlives us.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	says.Close()
	answer, err := io.ReadAll(said) // until the supervisor closes its stdout
	if err != nil {
		return err
	}
	if string(answer) != "ready\n" {
		return errors.New(string(answer))
	}
	return nil
}

// supervise holds the control plane until it is told to stop or a component ends.
func (at place) supervise(ctx context.Context) error {
	cluster, err := at.startFixed(ctx)
	if err != nil {
		fmt.Print(err)
		return err
	}
	defer cluster.Stop()
	fmt.Print("ready\n")
	_ = os.Stdout.Close()
	select {
	case <-ctx.Done():
		return nil
	case err := <-cluster.Failed():
		return err
	}
}

func (at place) startFixed(ctx context.Context) (*controlplane.ControlPlane, error) {
	folder, err := controlplane.NewFolder(at.upName(), true)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(folder.Path, "pid"), []byte(strconv.Itoa(os.Getpid())), 0o600); err != nil {
		return nil, err
	}
	cluster, err := controlplane.New(ctx, folder, controlplane.Options{Testbed: at.testbed, Bin: at.bin, DNS: true})
	if err != nil {
		return nil, err
	}
	servers := strings.Join(slices.Sorted(maps.Values(cluster.DNS())), " and ")
	return cluster, os.WriteFile(filepath.Join(folder.Path, "dns"), []byte(servers), 0o600)
}

// down ends the supervisor, whose children end with it, and waits until the folder is gone.
func (at place) down() error {
	folder := at.upFolder()
	_ = os.Remove(folder + ".log")
	if !controlplane.InUse(folder) {
		fmt.Fprintln(os.Stderr, "testbed: nothing is up")
		return os.RemoveAll(folder)
	}
	// The folder is locked by a living supervisor, so the number is really its own.
	text, err := os.ReadFile(filepath.Join(folder, "pid"))
	if err != nil {
		return err
	}
	pid, err := strconv.Atoi(string(text))
	if err != nil {
		return err
	}
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		if err := syscall.Kill(pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
			return err
		}
		for range 100 {
			if !controlplane.InUse(folder) {
				return os.RemoveAll(folder)
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
	return fmt.Errorf("process %d does not end", pid)
}
