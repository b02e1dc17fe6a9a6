package controlplane

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"
)

// Stages are written in KWOK's own format, with a few words in [[ ]] for what every stage repeats.
// What stands in {{ }} is KWOK's and is evaluated for each pod.

// behaviours are the image tags that make a pod misbehave.
const behaviours = ":(missing|crash|oom|never-ready|slow|stops-slowly|config-error|flapping)$"

// behaviour is the jq expression of a pod's behaviour: its annotation, else the first special image
// tag, else "run".
const behaviour = `(.metadata.annotations["testbed/behaviour"] // ([.spec.containers[].image | select(test("` +
	behaviours + `")) | split(":") | last] | first) // "run")`

var stageWords = template.FuncMap{
	// pod opens a stage for pods; conditions of when it applies follow.
	"pod": func(name string) string {
		return "---\napiVersion: kwok.x-k8s.io/v1alpha1\nkind: Stage\nmetadata: {name: " + name + "}\nspec:\n" +
			"  resourceRef: {apiGroup: v1, kind: Pod}\n  selector:\n    matchExpressions:\n" +
			match(".metadata.deletionTimestamp", "DoesNotExist")
	},
	// dyingPod is the same for pods that are being deleted.
	"dyingPod": func(name string) string {
		return "---\napiVersion: kwok.x-k8s.io/v1alpha1\nkind: Stage\nmetadata: {name: " + name + "}\nspec:\n" +
			"  resourceRef: {apiGroup: v1, kind: Pod}\n  selector:\n    matchExpressions:\n" +
			match(".metadata.deletionTimestamp", "Exists")
	},
	"behaviour":  func() string { return behaviour },
	"behaves":    func(as ...string) string { return match(behaviour, "In", as...) },
	"phase":      func(in ...string) string { return match(".status.phase", "In", in...) },
	"notStarted": func() string { return match(".status.startTime", "DoesNotExist") },
	"started":    func() string { return match(".status.startTime", "Exists") },
	"ready":      func() string { return match(readiness, "In", "True") },
	"notReady":   func() string { return match(readiness, "NotIn", "True") },
	"waiting": func(reason string) string {
		return match(".status.containerStatuses.[].state.waiting.reason", "In", reason)
	},
	"notWaiting": func(reason string) string {
		return match(".status.containerStatuses.[].state.waiting.reason", "NotIn", reason)
	},
	"after": func(milliseconds int) string {
		return fmt.Sprintf("  delay: {durationMilliseconds: %d}\n", milliseconds)
	},
	"event":      event,
	"status":     status,
	"conditions": conditions,
	"containers": containers,
}

const readiness = `.status.conditions.[] | select(.type == "Ready") | .status`

func match(key, operator string, values ...string) string {
	list := ""
	if len(values) > 0 {
		list = `, values: ["` + strings.Join(values, `", "`) + `"]`
	}
	return fmt.Sprintf("    - jq: {key: '%s', operator: %s%s}\n", key, operator, list)
}

// event is a step that records an event as a kubelet does, about the container that misbehaves
// (or the first). The message is a template expression over $c, that container. KWOK's own event
// step cannot fill in a message and signs as kwok_controller.
func event(kind, reason, message string) string {
	return indent(2, `- apply:
    template: |
      {{ $now := Now }}{{ $c := index .spec.containers 0 }}{{ $count := 1 }}
      {{ range $i, $each := .spec.containers }}{{ if regexMatch "`+behaviours+`" $each.image }}{{ $c = $each }}
      {{ if $.status.containerStatuses }}{{ $count = (index $.status.containerStatuses $i).restartCount | int64 | max 1 }}{{ end }}{{ end }}{{ end }}
      {{ $message := `+message+` }}
      apiVersion: v1
      kind: Event
      metadata:
        name: {{ printf "%s.%s" .metadata.name (printf "`+reason+` %s %s" .metadata.uid $message | sha256sum | trunc 16) | Quote }}
        namespace: {{ .metadata.namespace | Quote }}
      involvedObject: {apiVersion: v1, kind: Pod, namespace: {{ .metadata.namespace | Quote }}, name: {{ .metadata.name | Quote }}, uid: {{ .metadata.uid | Quote }}, fieldPath: {{ printf "spec.containers{%s}" $c.name | Quote }}}
      type: `+kind+`
      reason: `+reason+`
      message: {{ $message | Quote }}
      count: {{ $count }}
      firstTimestamp: {{ if gt $count 1 }}{{ .status.startTime | Quote }}{{ else }}{{ $now | Quote }}{{ end }}
      lastTimestamp: {{ $now | Quote }}
      source: {component: kubelet, host: {{ .spec.nodeName | Quote }}}
      reportingComponent: kubelet
      reportingInstance: {{ .spec.nodeName | Quote }}
`)
}

// status opens a step that patches the pod's status; its fields follow.
func status(phase string) string {
	return indent(2, `- patch:
    subresource: status
    root: status
    template: |
      {{ $now := Now }}
      phase: `+phase+`
      observedGeneration: {{ .metadata.generation }}
`)
}

// conditions are the pod's conditions: ready or not, and if not, why. PodScheduled is the
// scheduler's and stays.
func conditions(ready bool, reason string) string {
	list := []string{condition("PodReadyToStartContainers", true, ""), condition("Initialized", true, "")}
	for _, kind := range []string{"Ready", "ContainersReady"} {
		list = append(list, condition(kind, ready, reason))
	}
	names := `{{ $names := list }}{{ range .spec.containers }}{{ $names = append $names .name }}{{ end }}` + "\n"
	return indent(8, names+"conditions:\n"+strings.Join(list, ""))
}

func condition(kind string, holds bool, reason string) string {
	value, why := "True", "reason: null, message: null"
	if !holds {
		value = "False"
		why = "reason: " + reason + ", message: null"
		if reason == "ContainersNotReady" {
			why = `reason: ContainersNotReady, message: {{ printf "containers with unready status: [%s]" (join " " $names) | Quote }}`
		}
	}
	// The time of a condition is that of its last change.
	since := `{{ $since := $now }}{{ range .status.conditions }}{{ if and (eq .type "` + kind + `") (eq .status "` + value + `") }}{{ $since = .lastTransitionTime }}{{ end }}{{ end }}`
	return since + `
- {type: ` + kind + `, status: "` + value + `", lastProbeTime: null, lastTransitionTime: {{ $since | Quote }}, observedGeneration: {{ .metadata.generation }}, ` + why + "}\n"
}

// containers are the containers' statuses. `who` gets the given fields: all, none, or the special
// ones (those that misbehave; all of them when the annotation says so). The rest runs and is ready.
// Init containers are always done, or run beside them. In the fields $c is the container, $old its status so far, $count its restarts, $running since
// when it runs, $image its full name, $imageID the digest that it was pulled as.
func containers(who, fields string) string {
	test := map[string]string{
		"all":     "true",
		"none":    "false",
		"special": `or (regexMatch "` + behaviours + `" $c.image) (index ($.metadata.annotations | default dict) "testbed/behaviour")`,
	}[who]
	shown := "$image"
	if strings.Contains(fields, `imageID: ""`) {
		shown = "$c.image" // a kubelet fills in the full name once the container exists
	}
	return indent(8, `containerStatuses:
{{ range $i, $c := .spec.containers }}
{{ $old := dict "restartCount" 0 }}{{ if $.status.containerStatuses }}{{ $old = index $.status.containerStatuses $i }}{{ end }}
{{ $image := $c.image }}{{ if not (contains "/" $image) }}{{ $image = printf "docker.io/library/%s" $image }}{{ end }}
{{ $imageID := printf "%s@sha256:%s" (regexReplaceAll ":[^:/]+$" $image "") ($c.image | sha256sum) }}
{{ $running := dig "state" "running" "startedAt" $now $old }}
{{ $count := $old.restartCount | int64 }}
- name: {{ $c.name | Quote }}
  image: {{ `+shown+` | Quote }}
  {{ if `+test+` }}
`+strings.TrimRight(indent(2, fields), "\n ")+`
  {{ else }}
  ready: true
  started: true
  restartCount: {{ $count }}
  lastState: {}
  state: {running: {startedAt: {{ $running | Quote }}}}
  imageID: {{ $imageID | Quote }}
  containerID: {{ printf "containerd://%s" (printf "%s/%s/%d" $.metadata.uid $c.name $count | sha256sum) | Quote }}
  {{ end }}
  resources: {{ $c.resources | default dict | toJson }}
  {{ with $c.volumeMounts }}
  volumeMounts:
  {{ range . }}
  - {name: {{ .name | Quote }}, mountPath: {{ .mountPath | Quote }}{{ if .readOnly }}, readOnly: true, recursiveReadOnly: Disabled{{ end }}}
  {{ end }}
  {{ end }}
{{ end }}
{{ with .spec.initContainers }}
initContainerStatuses:
{{ range . }}
- name: {{ .name | Quote }}
  image: {{ .image | Quote }}
  imageID: {{ printf "docker.io/library/%s@sha256:%s" (regexReplaceAll ":[^:/]+$" .image "") (.image | sha256sum) | Quote }}
  lastState: {}
  ready: true
  restartCount: 0
  {{ if eq (.restartPolicy | default "") "Always" }}
  started: true
  state: {running: {startedAt: {{ $.status.startTime | default $now | Quote }}}}
  {{ else }}
  started: false
  state: {terminated: {exitCode: 0, reason: Completed, startedAt: {{ $.status.startTime | default $now | Quote }}, finishedAt: {{ $.status.startTime | default $now | Quote }}}}
  {{ end }}
{{ end }}
{{ end }}
`)
}

func indent(by int, text string) string {
	lines := strings.Split(strings.Trim(text, "\n"), "\n")
	for i := range lines {
		lines[i] = strings.Repeat(" ", by) + lines[i]
	}
	return strings.Join(lines, "\n") + "\n"
}

// renderStages writes the stages of a folder as KWOK reads them, and returns the files.
func (c *ControlPlane) renderStages(folder string) ([]string, error) {
	sources, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
	if err != nil || len(sources) == 0 {
		return nil, fmt.Errorf("no stages in %s: %v", folder, err)
	}
	var files []string
	for _, source := range sources {
		parsed, err := template.New(filepath.Base(source)).Delims("[[", "]]").Funcs(stageWords).ParseFiles(source)
		if err != nil {
			return nil, err
		}
		path := c.file("stage-" + filepath.Base(source))
		file, err := os.Create(path)
		if err != nil {
			return nil, err
		}
		err = parsed.Execute(file, nil)
		if closed := file.Close(); err == nil {
			err = closed
		}
		if err != nil {
			return nil, err
		}
		files = append(files, path)
	}
	return files, nil
}
