package scenario

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"kubectl-sts/testbed/internal/controlplane"
)

// kind is the name of the step's only field.
func (s Step) kind() (string, error) {
	set := map[string]bool{
		"apply": s.Apply != "", "kubectl": len(s.Kubectl) > 0, "waitFor": s.WaitFor != nil, "event": s.Event != nil, "own": s.Own != nil,
		"addNode": s.AddNode != nil, "killNode": s.KillNode != "", "reviveNode": s.ReviveNode != "",
		"startProvisioner": s.StartProvisioner != "", "stopProvisioner": s.StopProvisioner != "", "sleep": s.Sleep != "",
		"stopControllers": s.StopControllers, "askDNS": s.AskDNS != nil, "hangDNS": s.HangDNS != 0, "cutDNS": s.CutDNS != 0,
		"remakeDNS": s.RemakeDNS != 0, "restartDNS": s.RestartDNS, "withoutControllers": len(s.WithoutControllers) > 0,
	}
	var found []string
	for name, is := range set {
		if is {
			found = append(found, name)
		}
	}
	if len(found) != 1 {
		return "", fmt.Errorf("a step does one thing, not %d: %v", len(found), found)
	}
	return found[0], nil
}

// Play starts the provisioners and takes every step, telling log what it does.
func (s *Scenario) Play(ctx context.Context, cluster *controlplane.ControlPlane, log io.Writer) error {
	for _, name := range s.Provisioners {
		if err := cluster.StartProvisioner(ctx, name, s.ProvisionerModes[name]); err != nil {
			return err
		}
	}
	for i, step := range s.Steps {
		kind, err := step.kind()
		if err != nil {
			return err
		}
		began := time.Now()
		if err := step.play(ctx, cluster, s.ProvisionerModes); err != nil {
			return fmt.Errorf("%s: step %d (%s): %w\n%s", s.Name, i+1, kind, err, cluster.Tails(8))
		}
		fmt.Fprintf(log, "%s: step %d of %d, %s, %.1f s\n", s.Name, i+1, len(s.Steps), kind, time.Since(began).Seconds())
	}
	return nil
}

func (s Step) play(ctx context.Context, cluster *controlplane.ControlPlane, modes map[string]string) error {
	timeout := time.Minute
	if s.Timeout != "" {
		var err error
		if timeout, err = time.ParseDuration(s.Timeout); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var err error
	switch {
	case s.Apply != "":
		// Server-side: no last-applied annotation, as with the deployment tools of today, which take what others wrote.
		_, err = cluster.Kubectl(ctx, s.Apply, "apply", "--server-side", "--field-manager=helm", "--force-conflicts", "-f", "-")
	case len(s.Kubectl) > 0:
		_, err = cluster.Kubectl(ctx, "", s.Kubectl...)
	case s.WaitFor != nil:
		err = s.WaitFor.wait(ctx, cluster)
	case s.Event != nil:
		err = s.Event.wait(ctx, cluster)
	case s.Own != nil:
		err = s.Own.patch(ctx, cluster)
	case s.AddNode != nil:
		err = cluster.AddNode(ctx, *s.AddNode)
	case s.KillNode != "":
		err = cluster.KillNode(ctx, s.KillNode)
	case s.ReviveNode != "":
		err = cluster.ReviveNode(ctx, s.ReviveNode)
	case s.StartProvisioner != "":
		err = cluster.StartProvisioner(ctx, s.StartProvisioner, modes[s.StartProvisioner])
	case s.StopProvisioner != "":
		cluster.StopProvisioner(s.StopProvisioner)
	case s.StopControllers:
		cluster.StopControllers()
	case len(s.WithoutControllers) > 0:
		err = cluster.WithoutControllers(s.WithoutControllers)
	case s.AskDNS != nil:
		err = cluster.AskDNS(ctx, s.AskDNS.Name, s.AskDNS.Found)
	case s.HangDNS != 0:
		err = cluster.HangDNS(s.HangDNS)
	case s.CutDNS != 0:
		err = cluster.CutDNS(s.CutDNS)
	case s.RemakeDNS != 0:
		err = cluster.RemakeDNS(ctx, s.RemakeDNS)
	case s.RestartDNS:
		err = cluster.RestartDNS(ctx)
	case s.Sleep != "":
		var pause time.Duration
		if pause, err = time.ParseDuration(s.Sleep); err == nil {
			time.Sleep(pause)
		}
	}
	return err
}

func (w WaitFor) wait(ctx context.Context, cluster *controlplane.ControlPlane) error {
	args := []string{"wait", w.Object, "--timeout=20s"}
	switch {
	case w.Condition != "":
		args = append(args, "--for=condition="+w.Condition)
	case w.Path != "" && w.Is != "":
		args = append(args, "--for=jsonpath={"+w.Path+"}="+w.Is)
	case w.Path != "":
		args = append(args, "--for=jsonpath={"+w.Path+"}")
	case w.Gone:
		args = append(args, "--for=delete")
	default:
		args = append(args, "--for=create")
	}
	if w.Selector != "" {
		args = append(args, "--selector="+w.Selector)
	}
	if w.Namespace != "" {
		args = append(args, "--namespace="+w.Namespace)
	}
	// kubectl gives up at once on an object that is not there yet, so it is asked again; and it is
	// asked for a while only, so that a broken control plane is noticed.
	var last error
	err := cluster.Wait(ctx, 200*time.Millisecond, w.Object, func() error {
		_, err := cluster.Kubectl(ctx, "", args...)
		if ctx.Err() != nil {
			return last
		}
		last = err
		return err
	})
	if err == nil {
		return nil
	}
	now, _ := cluster.Kubectl(context.Background(), "", "get", w.Object, "-o", "yaml", "--namespace="+w.Namespace)
	return fmt.Errorf("%w\nit is:\n%s", err, now)
}

func (o Own) patch(ctx context.Context, cluster *controlplane.ControlPlane) error {
	text, err := cluster.Kubectl(ctx, "", "get", o.Owner, "-o", "json")
	if err != nil {
		return err
	}
	var owner struct {
		APIVersion, Kind string
		Metadata         struct{ Name, UID string }
	}
	if err := json.Unmarshal([]byte(text), &owner); err != nil {
		return err
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"ownerReferences": []any{map[string]any{
		"apiVersion": owner.APIVersion, "kind": owner.Kind, "name": owner.Metadata.Name, "uid": owner.Metadata.UID,
		"controller": true, "blockOwnerDeletion": true,
	}}}})
	if err != nil {
		return err
	}
	_, err = cluster.Kubectl(ctx, "", "patch", o.Object, "--type=merge", "-p", string(patch))
	return err
}

func (e Event) wait(ctx context.Context, cluster *controlplane.ControlPlane) error {
	kind, name, ok := strings.Cut(e.Object, "/")
	if !ok {
		return errors.New("object: Kind/name")
	}
	path := "/api/v1/events"
	if e.Namespace != "" {
		path = "/api/v1/namespaces/" + e.Namespace + "/events"
	}
	path += "?fieldSelector=" + url.QueryEscape("involvedObject.kind="+kind+",involvedObject.name="+name+",reason="+e.Reason)
	return cluster.Wait(ctx, 250*time.Millisecond, "event "+e.Reason+" of "+e.Object, func() error {
		var list struct {
			Items []struct {
				Message string
				Count   int
				Series  *struct{ Count int }
			}
		}
		if err := cluster.Get(ctx, path, &list); err != nil {
			return err
		}
		seen := 0
		for _, event := range list.Items {
			if strings.Contains(event.Message, e.Message) {
				seen += max(1, event.Count)
				if event.Series != nil {
					seen += event.Series.Count - 1
				}
			}
		}
		if seen < max(1, e.Count) {
			return fmt.Errorf("seen %d times", seen)
		}
		return nil
	})
}
