// Judges manifests as a newer Kubernetes would: each object is decoded strictly into the newer types, where an unknown or
// repeated field is an error, and definitions of resources go through the API server's own validation, rules and their
// costs included. Prints what is wrong; exits with 1 where anything is.
package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/install"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
)

// The server fills it in before it validates.
const serversOwn = "status.storedVersions"

type judge struct {
	scheme *runtime.Scheme
	codecs serializer.CodecFactory
	seen   int
	wrong  int
}

func newJudge() *judge {
	scheme := runtime.NewScheme()
	install.Install(scheme)
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, appsv1.AddToScheme, rbacv1.AddToScheme} {
		utilruntime.Must(add(scheme))
	}
	return &judge{scheme: scheme, codecs: serializer.NewCodecFactory(scheme, serializer.EnableStrict)}
}

func (j *judge) say(where string, err error) {
	j.wrong++
	fmt.Printf("%s: %v\n", where, err)
}

func (j *judge) definition(where string, crd *apiextensionsv1.CustomResourceDefinition) {
	j.scheme.Default(crd)
	internal := &apiextensions.CustomResourceDefinition{}
	if err := j.scheme.Convert(crd, internal, nil); err != nil {
		j.say(where, err)
		return
	}
	for _, err := range validation.ValidateCustomResourceDefinition(context.Background(), internal) {
		if !strings.HasPrefix(err.Field, serversOwn) {
			j.say(where+" "+crd.Name, err)
		}
	}
}

func (j *judge) file(name string) {
	data, err := os.ReadFile(name)
	if err != nil {
		j.say(name, err)
		return
	}
	for i, document := range bytes.Split(append([]byte("\n"), data...), []byte("\n---\n")) {
		where := fmt.Sprintf("%s, document %d", name, i+1)
		object, _, err := j.codecs.UniversalDeserializer().Decode(document, nil, nil)
		if err != nil {
			j.say(where, err)
			continue
		}
		j.seen++
		if crd, ok := object.(*apiextensionsv1.CustomResourceDefinition); ok {
			j.definition(where, crd)
		}
	}
}

func main() {
	j := newJudge()
	for _, name := range os.Args[1:] {
		j.file(name)
	}
	fmt.Printf("%d objects, %d mistakes\n", j.seen, j.wrong)
	if j.wrong > 0 || j.seen == 0 {
		os.Exit(1)
	}
}
