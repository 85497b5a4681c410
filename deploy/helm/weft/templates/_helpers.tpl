{{/* SPDX-License-Identifier: Apache-2.0 */}}

{{/* What counts, as YAML: values.yaml's defaults, under the profile, under what the user set. */}}
{{- define "weft.values" -}}
{{- $user := omit .Values "_internal_defaults_do_not_set" -}}
{{- $name := .Values.profile | default "default" -}}
{{- $text := .Files.Get (printf "files/profile-%s.yaml" $name) -}}
{{- if not $text -}}{{- fail (printf "profile %q not found" $name) -}}{{- end -}}
{{- $defaults := deepCopy (index .Values "_internal_defaults_do_not_set") -}}
{{- $values := mustMergeOverwrite $defaults (fromYaml $text) (deepCopy $user) -}}
{{- $_ := set $values "profile" $name -}}
{{- if not $values.global.tag -}}{{- $_ := set $values.global "tag" .Chart.AppVersion -}}{{- end -}}
{{- toYaml $values -}}
{{- end -}}

{{/* "default", or the revision. Takes the values. */}}
{{- define "weft.revision" -}}
{{- .revision | default "default" -}}
{{- end -}}

{{/* What names of the control plane's objects end in. Takes the values. */}}
{{- define "weft.suffix" -}}
{{- $revision := include "weft.revision" . -}}
{{- if ne $revision "default" -}}-{{ $revision }}{{- end -}}
{{- end -}}

{{/* Labels of every object. Takes (values, component). Base objects are all revisions'. */}}
{{- define "weft.labels" -}}
{{- if ne (index . 1) "Base" }}
istio.io/rev: {{ include "weft.revision" (index . 0) }}
{{- end }}
operator.istio.io/component: {{ index . 1 }}
{{- end -}}

{{/* meshConfig with what follows from revision and namespace, as YAML. Takes (values, namespace). */}}
{{- define "weft.mesh" -}}
{{- $values := index . 0 -}}
{{- $mesh := deepCopy $values.meshConfig -}}
{{- $address := printf "istiod%s.%s.svc:15010" (include "weft.suffix" $values) (index . 1) -}}
{{- $_ := set $mesh "defaultConfig" (merge $mesh.defaultConfig (dict "discoveryAddress" $address)) -}}
{{- if not $mesh.rootNamespace -}}{{- $_ := set $mesh "rootNamespace" (index . 1) -}}{{- end -}}
{{- toYaml $mesh -}}
{{- end -}}

{{/* Where proxies get their certificates. Takes (values, namespace). */}}
{{- define "weft.ca" -}}
{{- $values := index . 0 -}}
{{- $values.global.caAddress | default (printf "istiod%s.%s.svc:15012" (include "weft.suffix" $values) (index . 1)) -}}
{{- end -}}

{{/* The security context of our containers. */}}
{{- define "weft.securityContext" -}}
allowPrivilegeEscalation: false
capabilities:
  drop: [ALL]
privileged: false
readOnlyRootFilesystem: true
runAsGroup: 1337
runAsNonRoot: true
runAsUser: 1337
{{- end -}}

{{/* Where pods may run. Takes a workload's settings. */}}
{{- define "weft.scheduling" -}}
{{- with .nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* The spec of an autoscaler. Takes (name, settings). */}}
{{- define "weft.autoscaler" -}}
{{- $settings := index . 1 -}}
scaleTargetRef:
  apiVersion: apps/v1
  kind: Deployment
  name: {{ index . 0 }}
minReplicas: {{ $settings.autoscaleMin }}
maxReplicas: {{ $settings.autoscaleMax }}
metrics:
  - type: Resource
    resource:
      name: cpu
      target:
        type: Utilization
        averageUtilization: {{ $settings.cpu.targetAverageUtilization }}
{{- end -}}

{{/* Names of Secrets for a ServiceAccount. Takes the values. */}}
{{- define "weft.pullSecrets" -}}
{{- with .global.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end -}}
