#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Part A of the tutorial: Fruit Smoothies runs on a cluster without a mesh; then the mesh is installed, analysed, and
# switched on for the application. The cluster is the one that KUBECONFIG names, without a mesh; istioctl and kubectl
# are on the PATH; the argument is the folder that "download Istio" gave (with samples/), which is not changed.
. "$(dirname "$0")/lib.sh"
begin part_a
cp -r "${1:?usage: part_a.sh FOLDER}/samples" "$work/samples"
cd "$work/samples/ratingsapp" || exit 1

echo "--- the application, as the workshop leaves it"
type 'kubectl create namespace ratingsapp'
type 'kubectl create secret generic mongosecret --namespace ratingsapp --from-literal=MONGOCONNECTION="mongodb://ratings:smoothie@ratings-mongodb.ratingsapp:27017/ratingsdb"'
type 'kubectl apply --namespace ratingsapp -f ratings-mongodb.yaml'
type 'kubectl apply --namespace ratingsapp -f ratings-api-deployment.yaml'
type 'kubectl apply --namespace ratingsapp -f ratings-api-service.yaml'
type 'kubectl apply --namespace ratingsapp -f ratings-web-deployment.yaml'
type 'kubectl apply --namespace ratingsapp -f ratings-web-service.yaml'
await 'kubectl get pods -n ratingsapp'

echo "--- install"
answer y 'istioctl install'
await 'istioctl version'
await 'kubectl get all -n istio-system'

echo "--- what is wrong with the application"
type 'istioctl analyze -n ratingsapp'
type 'kubectl label namespace ratingsapp istio-injection=enabled'
# the user adds `name: tcp` to the port of both Services
sed -i 's/^  - protocol: TCP/  - name: tcp\n    protocol: TCP/' ratings-api-service.yaml ratings-web-service.yaml
type 'kubectl apply --namespace ratingsapp -f ratings-api-service.yaml'
type 'kubectl apply --namespace ratingsapp -f ratings-web-service.yaml'
type 'istioctl analyze -n ratingsapp'

echo "--- pods get their sidecars"
type 'kubectl get pods -n ratingsapp'
for pod in $(kubectl get pods -n ratingsapp -o name | sort); do
    type "kubectl delete -n ratingsapp $pod"
done
await 'kubectl get pods -n ratingsapp'
pod=$(kubectl get pods -n ratingsapp -l app=ratings-api -o name)
show '^  istio-proxy:$' '^    Image: .*proxyv2' '^    Port: +15090/TCP' '^      proxy$' '^      sidecar$' '^      --domain$' \
    '^    State: +Running' '^  Ready +True' -- "kubectl describe -n ratingsapp $pod"
type 'istioctl analyze -n ratingsapp'

echo "--- the application works through the mesh"
web=$(kubectl get pods -n ratingsapp -l app=ratings-web -o name)
show '"name":"Pineapple"' -- "kubectl exec -n ratingsapp $web -c ratings-web -- curl -sS http://ratings-web/api/items"

echo "--- and everything goes again"
type 'kubectl delete namespace ratingsapp'
show 'Removed Deployment istio-system/istiod' '^✔ Uninstall complete' -- 'istioctl uninstall --purge'
type 'kubectl delete namespace istio-system'
finish
