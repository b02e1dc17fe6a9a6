package controlplane

import (
	"strings"
	"testing"
)

func TestACorefileRunsHereAsItIsWritten(t *testing.T) {
	cluster := `.:53 {
    health {
       lameduck 5s
    }
    ready
    kubernetes cluster.local {
       ttl 30
    }
    prometheus :9153
    forward . /etc/resolv.conf
}
shop.example:53 example.org {
    kubernetes example.org
}`
	here := `.:20001 {
    bind 127.0.0.1
    kubernetes cluster.local {
        kubeconfig k testbed
       ttl 30
    }
    forward . 127.0.0.1:20002
}
shop.example:20001 example.org {
    bind 127.0.0.1
    kubernetes example.org {
        kubeconfig k testbed
    }
}
.:20002 {
`
	if got := localCorefile(cluster, 20001, 20002, "k"); !strings.HasPrefix(got, here) {
		t.Errorf("got\n%s", got)
	}
}
