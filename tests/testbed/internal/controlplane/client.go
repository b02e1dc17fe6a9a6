package controlplane

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// connect prepares the admin's own small client: what the testbed polls for does not need kubectl.
func (c *ControlPlane) connect() error {
	authority, err := os.ReadFile(c.file("apiserver.crt"))
	if err != nil {
		return err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(authority)
	c.client = &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	return nil
}

// Get reads a path of the API as the admin, into a value when one is given.
func (c *ControlPlane) Get(ctx context.Context, path string, into any) error {
	return c.call(ctx, http.MethodGet, path, nil, into)
}

// call is one request to the API as the admin, its answer read into a value when one is given.
func (c *ControlPlane) call(ctx context.Context, method, path string, object, into any) error {
	sent, err := json.Marshal(object)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, method, c.Server+path, bytes.NewReader(sent))
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+c.tokens[Admin])
	request.Header.Set("Content-Type", "application/json")
	response, err := c.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode >= http.StatusMultipleChoices {
		return fmt.Errorf("%s %s: %s", method, path, response.Status)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(body, into)
}

// Wait polls until check returns nil, a component ends, or ctx does; the error is then check's last.
func (c *ControlPlane) Wait(ctx context.Context, every time.Duration, what string, check func() error) error {
	for {
		err := check()
		if err == nil {
			return nil
		}
		select {
		case broken := <-c.failed:
			c.failed <- broken // for the next one who asks
			return broken
		case <-ctx.Done():
			return fmt.Errorf("waited in vain for %s: %w", what, err)
		case <-time.After(every):
		}
	}
}

// Kubectl runs kubectl as the admin and returns what it printed.
func (c *ControlPlane) Kubectl(ctx context.Context, stdin string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(c.bin, "kubectl"), args...)
	cmd.Env = c.Environ(Admin)
	cmd.Stdin = strings.NewReader(stdin)
	var out, problem bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problem
	if err := Start(cmd); err != nil {
		return "", err
	}
	if err := cmd.Wait(); err != nil {
		return out.String(), fmt.Errorf("kubectl %s: %w\n%s", strings.Join(args, " "), err, problem.String())
	}
	return out.String(), nil
}

// Environ is the environment in which a program talks to this control plane as the user, and finds
// this kubectl first.
func (c *ControlPlane) Environ(user string) []string {
	return append(os.Environ(),
		"KUBECONFIG="+c.Kubeconfig(user),
		"ADMIN_KUBECONFIG="+c.Kubeconfig(Admin),
		"DNS_SERVERS="+strings.Join(slices.Sorted(maps.Values(c.DNS())), " "),
		"KUBECACHEDIR="+c.file("kubectl-cache"),
		"PATH="+c.bin+string(os.PathListSeparator)+os.Getenv("PATH"))
}
