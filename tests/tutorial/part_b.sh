#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Part B of the tutorial: BookInfo and the canary. See part_a.sh for what it needs.
. "$(dirname "$0")/lib.sh"
begin part_b
cd "${1:?usage: part_b.sh FOLDER}" || exit 1

echo "--- install, and the application"
type 'istioctl install --set profile=demo -y'
type 'kubectl create namespace bookinfo'
type 'kubectl label namespace bookinfo istio-injection=enabled'
type 'kubectl get namespace bookinfo --show-labels'
type 'kubectl apply -f samples/bookinfo/platform/kube/bookinfo.yaml -n bookinfo'
type 'kubectl get services -n bookinfo'
await 'kubectl get pods -n bookinfo'
type 'kubectl exec "$(kubectl get pod -n bookinfo -l app=ratings -o jsonpath={.items[0].metadata.name})" -n bookinfo -c ratings -- curl -sS productpage:9080/productpage | grep -o "<title>.*</title>"'

echo "--- from outside"
type 'kubectl apply -f samples/bookinfo/networking/bookinfo-gateway.yaml -n bookinfo'
type 'istioctl analyze -n bookinfo'
type 'kubectl get gateway -n bookinfo'
type 'kubectl get virtualservice -n bookinfo'
type 'kubectl get svc istio-ingressgateway -n istio-system'
INGRESS_HOST=$(kubectl -n istio-system get service istio-ingressgateway -o jsonpath='{.status.loadBalancer.ingress[0].ip}')
INGRESS_PORT=$(kubectl -n istio-system get service istio-ingressgateway -o jsonpath='{.spec.ports[?(@.name=="http2")].port}')
if [ -z "$INGRESS_HOST" ]; then # no load balancer: the node's port
    INGRESS_HOST=$(kubectl get po -l istio=ingressgateway -n istio-system -o jsonpath='{.items[0].status.hostIP}')
    INGRESS_PORT=$(kubectl -n istio-system get service istio-ingressgateway -o jsonpath='{.spec.ports[?(@.name=="http2")].nodePort}')
fi
export GATEWAY_URL=$INGRESS_HOST:$INGRESS_PORT
await 'curl -s "http://${GATEWAY_URL}/productpage" | grep -o "<title>.*</title>"'

echo "--- version 1 only"
type 'kubectl apply -f samples/bookinfo/networking/destination-rule-all.yaml -n bookinfo'
type 'kubectl get destinationrules -n bookinfo'
type 'kubectl apply -f samples/bookinfo/networking/virtual-service-all-v1.yaml -n bookinfo'
type 'kubectl get virtualservices -n bookinfo'
settle none
pages 100 none=100

echo "--- the canary: 90 to 10, half and half, all of it"
type 'kubectl apply -f samples/bookinfo/networking/virtual-service-reviews-90-10.yaml -n bookinfo'
settle none black
pages 300 none=90 black=10
type 'kubectl apply -f samples/bookinfo/networking/virtual-service-reviews-50-v3.yaml -n bookinfo'
settle none red
pages 300 none=50 red=50
type 'kubectl get virtualservice reviews -n bookinfo -o jsonpath="{.spec.http[0].route}{\"\n\"}"'
type 'kubectl apply -f samples/bookinfo/networking/virtual-service-reviews-v3.yaml -n bookinfo'
settle red
pages 100 red=100

echo "--- by who asks"
type 'kubectl apply -f samples/bookinfo/networking/virtual-service-reviews-jason-v2-v3.yaml -n bookinfo'
settle red
type 'curl -s -c "$work/cookies" -o /dev/null -w "%{http_code}\n" -H "Referer: http://$GATEWAY_URL/productpage" -d "username=jason&passwd=x" "http://$GATEWAY_URL/login"'
type 'curl -s -b "$work/cookies" "http://$GATEWAY_URL/productpage" | grep -oE "text-(black|red)-500" | sort -u'
type 'curl -s "http://$GATEWAY_URL/productpage" | grep -oE "text-(black|red)-500" | sort -u'

echo "--- clean up"
type 'kubectl delete -f samples/bookinfo/networking/virtual-service-reviews-jason-v2-v3.yaml -n bookinfo'
type 'kubectl delete -f samples/bookinfo/networking/destination-rule-all.yaml -n bookinfo'
type 'istioctl analyze -n bookinfo'
type 'kubectl delete namespace bookinfo'
show 'Removed Deployment istio-system/istiod' '^✔ Uninstall complete' -- 'istioctl uninstall --purge -y'
type 'kubectl delete namespace istio-system'
finish
