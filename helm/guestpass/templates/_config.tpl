{{/* What the chart says where `config` does not. */}}
{{- define "guestpass.defaults" -}}
url: https://{{ .Values.host }}
listen:
  - 0.0.0.0:8080
  {{- if .Values.forwardAuth.enabled }}
  - { at: "0.0.0.0:8081", forward-auth: true, tls: false }
  {{- end }}
{{- if .Values.forwardAuth.enabled }}
trusted-proxies: {{ toJson .Values.forwardAuth.trustedProxies }}
{{- end }}
{{- if .Values.tlsSecret }}
tls: { certificate: /etc/guestpass/tls/tls.crt, key: /etc/guestpass/tls/tls.key }
{{- end }}
operations: 0.0.0.0:9090
# The operators' socket: kubectl exec POD -- guestpass accounts
admin: /run/guestpass/admin.sock
# Longer than endpoints take to learn that a pod is going.
shutdown: { announce: 10s, finish: 15s }
{{- if include "guestpass.postgresql" . }}
store: {{ printf "${file:/etc/guestpass/secrets/postgresql/%s}" .Values.store.postgresql.key | quote }}
{{- else }}
store: sqlite:/var/lib/guestpass/guestpass.db
{{- end }}
key: "${file:/etc/guestpass/secrets/guestpass/key}"
providers:
  {{ .Values.provider }}:
    issuer: {{ .Values.issuer }}
    client: { id: {{ .Values.clientId | quote }}, secret: "${file:/etc/guestpass/secrets/guestpass/client-secret}" }
{{- if not .Values.config.apps }}
# guestpass wants one app at least. This one leads nowhere, and no role opens it.
apps:
  nothing-yet: { host: nothing-yet.{{ .Values.host }} }
{{- end }}
policies: /etc/guestpass/policies
{{- end -}}

{{/* The configuration as guestpass reads it. */}}
{{- define "guestpass.config" -}}
{{- with .Values.forwardAuth }}
{{- if and .enabled (empty .trustedProxies) }}
{{- fail "forwardAuth.trustedProxies: say which networks the proxies that ask are in; whoever may ask could ask for anybody" }}
{{- end }}
{{- end }}
{{- $defaults := include "guestpass.defaults" . | fromYaml -}}
{{- if hasKey $defaults "Error" }}{{ fail (get $defaults "Error") }}{{ end -}}
{{- $config := mergeOverwrite (deepCopy $defaults) (deepCopy .Values.config) -}}
{{- /* Those that ask, and those that stand in front. */}}
{{- $trusted := concat (get $defaults "trusted-proxies" | default list) (get .Values.config "trusted-proxies" | default list) -}}
{{- if $trusted }}{{ $_ := set $config "trusted-proxies" (uniq $trusted) }}{{ end -}}
{{- toYaml $config -}}
{{- end -}}

{{/* Hosts, without ports: `all` of their requests come here; of others, whose requests another proxy carries, only the `way` in. */}}
{{- define "guestpass.hosts" -}}
{{- $all := .Values.hosts -}}
{{- $way := list -}}
{{- if not .Values.existingConfigMap -}}
  {{- $all = prepend $all .Values.host -}}
  {{- range .Values.config.apps -}}
    {{- $hosts := ternary .host (list .host) (kindIs "slice" .host) -}}
    {{- if .upstream }}{{ $all = concat $all $hosts }}{{ else }}{{ $way = concat $way $hosts }}{{ end -}}
  {{- end -}}
{{- end -}}
all: {{ regexReplaceAll ":[0-9]+\"" (uniq $all | toJson) "\"" }}
way: {{ regexReplaceAll ":[0-9]+\"" (uniq $way | toJson) "\"" }}
{{- end -}}
