{{- define "guestpass.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* The name of most objects: the release's, with ours where it does not say so already. Room is left for endings. */}}
{{- define "guestpass.fullname" -}}
{{- $name := include "guestpass.name" . -}}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- default $full .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* What never changes, so that selectors may hold it. */}}
{{- define "guestpass.selector" -}}
app.kubernetes.io/name: {{ include "guestpass.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* The pod of `helm test` goes by another name: no Service leads there. */}}
{{- define "guestpass.testSelector" -}}
app.kubernetes.io/name: {{ include "guestpass.name" . }}-test
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "guestpass.labels" -}}
{{ include "guestpass.selector" . }}
{{ include "guestpass.otherLabels" . }}
{{- end -}}

{{- define "guestpass.otherLabels" -}}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.labels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "guestpass.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{ default (include "guestpass.fullname" .) .Values.serviceAccount.name }}
{{- else -}}
{{ default "default" .Values.serviceAccount.name }}
{{- end -}}
{{- end -}}

{{- define "guestpass.image" -}}
{{- $image := .Values.image -}}
{{ $image.repository }}{{ if $image.digest }}@{{ $image.digest }}{{ else }}:{{ default .Chart.AppVersion $image.tag }}{{ end }}
{{- end -}}

{{/* The parts of "restricted" that containers have for themselves. */}}
{{- define "guestpass.confined" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end -}}

{{/* The parts of it that a whole pod has. */}}
{{- define "guestpass.confinedPod" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile: { type: RuntimeDefault }
{{- end -}}

{{/* "true" where PostgreSQL remembers, so that there may be several. */}}
{{- define "guestpass.postgresql" -}}
{{- if .Values.store.postgresql.existingSecret }}true{{ end -}}
{{- end -}}

{{- define "guestpass.scheme" -}}
{{- ternary "https" "http" (not (empty .Values.tlsSecret)) -}}
{{- end -}}

{{- define "guestpass.port" -}}
{{- default (ternary 443 80 (not (empty .Values.tlsSecret))) .Values.service.port -}}
{{- end -}}
