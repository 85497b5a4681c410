// SPDX-License-Identifier: Apache-2.0

// What programs written with client-go do, against the API server that KUBECONFIG names: informers that begin with a
// list and go on with a watch, that list again when their version is too old, election of a leader by a Lease, the
// dynamic client with server-side apply.
package clients

import (
	"context"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	applycorev1 "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/client-go/util/retry"
)

const patience = 30 * time.Second

type fixture struct {
	*testing.T
	ctx    context.Context
	config *rest.Config
	client *kubernetes.Clientset
	space  string
}

// start makes a namespace of the test's own.
func start(t *testing.T) *fixture {
	path := os.Getenv("KUBECONFIG")
	if path == "" {
		t.Skip("KUBECONFIG is not set")
	}
	config, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil {
		t.Fatal(err)
	}
	config.QPS = -1 // no brake of the client's own
	ctx, cancel := context.WithCancel(context.Background())
	f := &fixture{T: t, ctx: ctx, config: config, client: kubernetes.NewForConfigOrDie(config)}
	made, err := f.client.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "client-go-"}}, metav1.CreateOptions{})
	f.must(err)
	f.space = made.Name
	t.Cleanup(func() {
		f.must(f.client.CoreV1().Namespaces().Delete(context.Background(), f.space, metav1.DeleteOptions{}))
		cancel()
	})
	return f
}

func (f *fixture) must(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

func (f *fixture) until(what string, probe func() bool) {
	f.Helper()
	err := wait.PollUntilContextTimeout(f.ctx, 20*time.Millisecond, patience, true,
		func(context.Context) (bool, error) { return probe(), nil })
	if err != nil {
		f.Fatalf("after %s: %s", patience, what)
	}
}

func (f *fixture) create(name string, data map[string]string) *corev1.ConfigMap {
	f.Helper()
	made, err := f.client.CoreV1().ConfigMaps(f.space).Create(f.ctx, &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"of": "test"}}, Data: data},
		metav1.CreateOptions{})
	f.must(err)
	return made
}

func TestSharedInformer(t *testing.T) {
	f := start(t)
	f.create("before", map[string]string{"a": "1"})
	var added, updated, deleted, resynced atomic.Int32
	factory := informers.NewSharedInformerFactoryWithOptions(f.client, time.Second, informers.WithNamespace(f.space),
		informers.WithTweakListOptions(func(o *metav1.ListOptions) { o.LabelSelector = "of=test" }))
	informer := factory.Core().V1().ConfigMaps().Informer()
	_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: func(any) { added.Add(1) },
		UpdateFunc: func(old, new any) {
			if old.(*corev1.ConfigMap).ResourceVersion == new.(*corev1.ConfigMap).ResourceVersion {
				resynced.Add(1)
			} else {
				updated.Add(1)
			}
		},
		DeleteFunc: func(any) { deleted.Add(1) },
	})
	f.must(err)
	factory.Start(f.ctx.Done())
	factory.WaitForCacheSync(f.ctx.Done())
	f.until("the first object", func() bool { return added.Load() == 1 })

	after := f.create("after", map[string]string{"a": "1"})
	after.Data["a"] = "2"
	_, err = f.client.CoreV1().ConfigMaps(f.space).Update(f.ctx, after, metav1.UpdateOptions{})
	f.must(err)
	f.must(f.client.CoreV1().ConfigMaps(f.space).Delete(f.ctx, "before", metav1.DeleteOptions{}))
	f.until("one update and one deletion", func() bool { return updated.Load() == 1 && deleted.Load() == 1 })
	f.until("a resync", func() bool { return resynced.Load() > 0 })
	kept, err := factory.Core().V1().ConfigMaps().Lister().ConfigMaps(f.space).Get("after")
	f.must(err)
	if kept.Data["a"] != "2" || added.Load() != 2 {
		t.Errorf("the cache holds %v after %d additions", kept.Data, added.Load())
	}
}

// knows tells whether the server can still watch from version 1.
func (f *fixture) knows() bool {
	events, err := f.client.CoreV1().ConfigMaps(f.space).Watch(f.ctx, metav1.ListOptions{ResourceVersion: "1"})
	if err != nil {
		return !apierrors.IsResourceExpired(err) && !apierrors.IsGone(err)
	}
	defer events.Stop()
	first, open := <-events.ResultChan()
	return !open || first.Type != watch.Error
}

// forget writes until the server has lost version 1: a young sandbox holds some thousand events.
func (f *fixture) forget() {
	for round := 0; f.knows(); round++ {
		if round == 10 {
			f.Fatal("the server forgets nothing")
		}
		var done sync.WaitGroup
		for writer := 0; writer < 20; writer++ {
			done.Add(1)
			go func() {
				defer done.Done()
				for i := 0; i < 100; i++ {
					patch := fmt.Sprintf(`{"data":{"w%d":"%d.%d"}}`, writer, round, i)
					_, err := f.client.CoreV1().ConfigMaps(f.space).Patch(f.ctx, "one", types.MergePatchType,
						[]byte(patch), metav1.PatchOptions{})
					if err != nil && !apierrors.IsConflict(err) {
						f.Error(err)
					}
				}
			}()
		}
		done.Wait()
	}
}

// A watch from a version that the server has forgotten ends with Expired, and the informer lists again.
func TestInformerListsAgain(t *testing.T) {
	f := start(t)
	f.create("one", nil)
	f.forget()
	var lists atomic.Int32
	maps := f.client.CoreV1().ConfigMaps(f.space)
	source := &cache.ListWatch{
		ListFunc: func(o metav1.ListOptions) (runtime.Object, error) {
			o.LabelSelector = "of=test"
			found, err := maps.List(f.ctx, o)
			if err == nil && lists.Add(1) == 1 {
				found.ResourceVersion = "1"
			}
			return found, err
		},
		WatchFunc: func(o metav1.ListOptions) (watch.Interface, error) {
			o.LabelSelector = "of=test"
			o.SendInitialEvents = nil
			return maps.Watch(f.ctx, o)
		},
	}
	_, informer := cache.NewInformerWithOptions(cache.InformerOptions{
		ListerWatcher: source, ObjectType: &corev1.ConfigMap{}, Handler: cache.ResourceEventHandlerFuncs{}})
	go informer.Run(f.ctx.Done())
	f.until("a second list", func() bool { return lists.Load() >= 2 && informer.HasSynced() })
}

// Two candidates; the first leads until it lets go, then the second does, and never both.
func TestLeaderElection(t *testing.T) {
	f := start(t)
	var leading, overlaps atomic.Int32
	run := func(ctx context.Context, name string, led chan<- string, done *sync.WaitGroup) {
		defer done.Done()
		lock := &resourcelock.LeaseLock{LeaseMeta: metav1.ObjectMeta{Name: "leader", Namespace: f.space},
			Client: f.client.CoordinationV1(), LockConfig: resourcelock.ResourceLockConfig{Identity: name}}
		leaderelection.RunOrDie(ctx, leaderelection.LeaderElectionConfig{
			Lock: lock, LeaseDuration: 3 * time.Second, RenewDeadline: 2 * time.Second,
			RetryPeriod: 200 * time.Millisecond, ReleaseOnCancel: true,
			Callbacks: leaderelection.LeaderCallbacks{
				OnStartedLeading: func(lead context.Context) {
					if leading.Add(1) > 1 {
						overlaps.Add(1)
					}
					led <- name
					<-lead.Done()
					leading.Add(-1)
				},
				OnStoppedLeading: func() {},
			},
		})
	}
	led := make(chan string, 2)
	var done sync.WaitGroup
	first, stopFirst := context.WithCancel(f.ctx)
	second, stopSecond := context.WithCancel(f.ctx)
	done.Add(2)
	go run(first, "first", led, &done)
	if name := <-led; name != "first" {
		t.Fatalf("%s leads", name)
	}
	go run(second, "second", led, &done)
	f.until("the first renews", func() bool {
		lease, err := f.client.CoordinationV1().Leases(f.space).Get(f.ctx, "leader", metav1.GetOptions{})
		return err == nil && lease.Spec.RenewTime.Time.After(lease.Spec.AcquireTime.Time)
	})
	stopFirst()
	select {
	case name := <-led:
		if name != "second" {
			t.Errorf("%s leads after the first", name)
		}
	case <-time.After(patience):
		t.Fatal("nobody took over")
	}
	stopSecond()
	done.Wait()
	lease, err := f.client.CoordinationV1().Leases(f.space).Get(f.ctx, "leader", metav1.GetOptions{})
	f.must(err)
	if overlaps.Load() != 0 || *lease.Spec.LeaseTransitions < 1 {
		t.Errorf("%d overlaps, %d transitions", overlaps.Load(), *lease.Spec.LeaseTransitions)
	}
}

func TestDynamicAndApply(t *testing.T) {
	f := start(t)
	maps := dynamic.NewForConfigOrDie(f.config).
		Resource(schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}).Namespace(f.space)
	config := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "ConfigMap",
		"metadata": map[string]any{"name": "d"}, "data": map[string]any{"a": "1"}}}
	_, err := maps.Apply(f.ctx, "d", config, metav1.ApplyOptions{FieldManager: "one"})
	f.must(err)

	typed := applycorev1.ConfigMap("d", f.space).WithData(map[string]string{"a": "2"})
	_, err = f.client.CoreV1().ConfigMaps(f.space).Apply(f.ctx, typed, metav1.ApplyOptions{FieldManager: "two"})
	if !apierrors.IsConflict(err) || !apierrors.HasStatusCause(err, metav1.CauseTypeFieldManagerConflict) {
		t.Fatalf("no conflict but %v", err)
	}
	applied, err := f.client.CoreV1().ConfigMaps(f.space).Apply(f.ctx, typed,
		metav1.ApplyOptions{FieldManager: "two", Force: true})
	f.must(err)
	if len(applied.ManagedFields) != 1 || applied.ManagedFields[0].Manager != "two" {
		t.Errorf("owned by %v", applied.ManagedFields)
	}
	extracted, err := applycorev1.ExtractConfigMap(applied, "two")
	f.must(err)
	if extracted.Data["a"] != "2" {
		t.Errorf("two owns %v", extracted.Data)
	}
	list, err := maps.List(f.ctx, metav1.ListOptions{FieldSelector: "metadata.name=d"})
	f.must(err)
	if len(list.Items) != 1 || list.Items[0].GetKind() != "ConfigMap" {
		t.Errorf("listed %v", list.Items)
	}
}

// Twenty writers add one to the same number ten times each; whoever is too late tries again.
func TestNoUpdateIsLost(t *testing.T) {
	f := start(t)
	f.create("count", map[string]string{"n": "0"})
	maps := f.client.CoreV1().ConfigMaps(f.space)
	var done sync.WaitGroup
	var conflicts atomic.Int32
	patient := wait.Backoff{Steps: 1000, Duration: time.Millisecond, Factor: 1, Jitter: 5}
	for writer := 0; writer < 20; writer++ {
		done.Add(1)
		go func() {
			defer done.Done()
			for i := 0; i < 10; i++ {
				err := retry.RetryOnConflict(patient, func() error {
					seen, err := maps.Get(f.ctx, "count", metav1.GetOptions{})
					if err != nil {
						return err
					}
					var n int
					fmt.Sscan(seen.Data["n"], &n)
					seen.Data["n"] = fmt.Sprint(n + 1)
					_, err = maps.Update(f.ctx, seen, metav1.UpdateOptions{})
					if apierrors.IsConflict(err) {
						conflicts.Add(1)
					}
					return err
				})
				if err != nil {
					t.Error(err)
				}
			}
		}()
	}
	done.Wait()
	last, err := maps.Get(f.ctx, "count", metav1.GetOptions{})
	f.must(err)
	if last.Data["n"] != "200" {
		t.Errorf("200 additions make %s", last.Data["n"])
	}
	t.Logf("%d conflicts", conflicts.Load())
}
