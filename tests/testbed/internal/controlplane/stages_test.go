package controlplane

import (
	"os"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

func TestEveryStageIsYAML(t *testing.T) {
	c := &ControlPlane{Dir: t.TempDir()}
	files, err := c.renderStages("../../stages")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for i, document := range strings.Split(string(text), "\n---\n") {
			var stage struct {
				Kind     string
				Metadata struct{ Name string }
				Spec     struct{ Steps []any }
			}
			if err := yaml.Unmarshal([]byte(document), &stage); err != nil {
				t.Errorf("%s, document %d: %v\n%s", file, i, err, document)
			} else if i > 0 && (stage.Kind != "Stage" || len(stage.Spec.Steps) == 0) {
				t.Errorf("%s, document %d: no stage", file, i)
			}
		}
	}
}
