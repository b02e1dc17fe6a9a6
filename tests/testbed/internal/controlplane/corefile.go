package controlplane

import (
	"fmt"
	"regexp"
	"strings"
)

// localCorefile is what a Corefile of the cluster becomes to run as a process of this machine: on a port of 127.0.0.1 in the place of
// :53, with a kubeconfig in the place of the pod's service account, and with an upstream in the same process in the place of the
// node's resolvers, which answers as the root servers do for what is not theirs. What would listen on the pod's own other
// ports (health, ready, prometheus) is left out. Everything else stays as it is written.
func localCorefile(text string, port, upstream int, kubeconfig string) string {
	var out strings.Builder
	depth, skipped := 0, 0 // depth of braces; the depth below which a block is left out
	for _, line := range strings.Split(text, "\n") {
		words := strings.Fields(line)
		opens := len(words) > 0 && words[len(words)-1] == "{"
		closes := len(words) == 1 && words[0] == "}"
		if closes {
			depth--
		}
		if skipped > 0 {
			if depth < skipped {
				skipped = 0
			}
		} else if depth == 1 && len(words) > 0 && outward[words[0]] {
			if opens {
				skipped = depth + 1
			}
		} else {
			fmt.Fprintln(&out, local(line, words, depth, opens, port, upstream, kubeconfig))
		}
		if opens {
			depth++
		}
	}
	// As the root answers for .local and every other name that it does not know.
	fmt.Fprintf(&out, `.:%d {
    bind 127.0.0.1
    template ANY ANY {
        rcode NXDOMAIN
        authority ". 86400 IN SOA a.root-servers.net. nstld.verisign-grs.com. 2026010100 1800 900 604800 86400"
    }
}
`, upstream)
	return out.String()
}

// outward are the plugins that listen on ports of the pod's own.
var outward = map[string]bool{"health": true, "ready": true, "prometheus": true}

var dnsPort = regexp.MustCompile(`:53\b`)

func local(line string, words []string, depth int, opens bool, port, upstream int, kubeconfig string) string {
	switch {
	case depth == 0 && opens:
		return dnsPort.ReplaceAllString(line, fmt.Sprintf(":%d", port)) + "\n    bind 127.0.0.1"
	case depth == 1 && len(words) > 0 && words[0] == "kubernetes":
		own := fmt.Sprintf("\n        kubeconfig %s testbed", kubeconfig)
		if opens {
			return line + own
		}
		return line + " {" + own + "\n    }"
	case depth == 1 && len(words) > 0 && words[0] == "forward":
		return strings.ReplaceAll(line, "/etc/resolv.conf", fmt.Sprintf("127.0.0.1:%d", upstream))
	}
	return line
}
