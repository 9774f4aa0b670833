{{/* A pod, whichever workload it belongs to. Nothing in it hangs on what mounted files hold: they are read again when
they change, so there is no checksum here, and a change of policy restarts nothing. */}}
{{- define "guestpass.pod" -}}
metadata:
  labels:
    {{- include "guestpass.selector" . | nindent 4 }}
    {{- with .Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with .Values.podAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  serviceAccountName: {{ include "guestpass.serviceAccount" . }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
  securityContext:
    {{- include "guestpass.confinedPod" . | nindent 4 }}
  {{- with .Values.image.pullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with .Values.extraInitContainers }}
  initContainers:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: guestpass
      {{- include "guestpass.container" . | nindent 6 }}
    {{- with .Values.extraContainers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  volumes:
    {{- include "guestpass.volumes" . | nindent 4 }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with include "guestpass.spread" . }}
  {{- . | nindent 2 }}
  {{- end }}
{{- end -}}

{{- define "guestpass.container" -}}
image: {{ include "guestpass.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
args: [serve, --json-logs]
env:
  # For commands, too: kubectl exec POD -- guestpass accounts
  - { name: GUESTPASS_CONFIG, value: /etc/guestpass/config/guestpass.yaml }
  - { name: RUST_LOG, value: {{ .Values.logLevel }} }
  {{- with .Values.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
ports:
  - { name: {{ include "guestpass.scheme" . }}, containerPort: 8080 }
  {{- if .Values.forwardAuth.enabled }}
  - { name: questions, containerPort: 8081 }
  {{- end }}
  - { name: operations, containerPort: 9090 }
startupProbe:
  httpGet: { path: /livez, port: operations }
  periodSeconds: 1
  failureThreshold: {{ .Values.startupSeconds }}
livenessProbe:
  httpGet: { path: /livez, port: operations }
  periodSeconds: 10
  timeoutSeconds: 5
readinessProbe:
  httpGet: { path: /readyz, port: operations }
  periodSeconds: 2
  # It gives its store two seconds to answer.
  timeoutSeconds: 3
  # Half a minute (`session.recheck`): a store that is away is away from all replicas, and who is signed in goes on for so
  # long. A pod that is stopped leaves the Service by that alone.
  failureThreshold: 15
{{- with .Values.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- include "guestpass.confined" . | nindent 2 }}
volumeMounts:
  - { name: config, mountPath: /etc/guestpass/config, readOnly: true }
  - { name: policies, mountPath: /etc/guestpass/policies, readOnly: true }
  {{- range $secret := include "guestpass.secrets" . | fromYamlArray }}
  - { name: secret-{{ $secret.name }}, mountPath: /etc/guestpass/secrets/{{ $secret.name }}, readOnly: true }
  {{- end }}
  {{- if .Values.tlsSecret }}
  - { name: tls, mountPath: /etc/guestpass/tls, readOnly: true }
  {{- end }}
  - { name: run, mountPath: /run/guestpass }
  {{- if not (include "guestpass.postgresql" .) }}
  - { name: data, mountPath: /var/lib/guestpass }
  {{- end }}
  {{- with .Values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/* The Secrets below /etc/guestpass/secrets, by the name of their folder. */}}
{{- define "guestpass.secrets" -}}
{{- with .Values.existingSecret }}
- { name: guestpass, secret: {{ . }} }
{{- end }}
{{- with .Values.store.postgresql.existingSecret }}
- { name: postgresql, secret: {{ . }} }
{{- end }}
{{- range $name, $secret := .Values.secrets }}
- { name: {{ $name }}, secret: {{ $secret }} }
{{- end }}
{{- end -}}

{{- define "guestpass.volumes" -}}
- name: config
  configMap: { name: {{ default (include "guestpass.fullname" .) .Values.existingConfigMap }} }
- name: policies
  configMap: { name: {{ default (printf "%s-policies" (include "guestpass.fullname" .)) .Values.existingPolicies }} }
{{- range $secret := include "guestpass.secrets" . | fromYamlArray }}
- name: secret-{{ $secret.name }}
  secret: { secretName: {{ $secret.secret }}, defaultMode: 288 }
{{- end }}
{{- with .Values.tlsSecret }}
- name: tls
  secret: { secretName: {{ . }}, defaultMode: 288 }
{{- end }}
- name: run
  emptyDir: { medium: Memory, sizeLimit: 1Mi }
{{- with .Values.store.sqlite.existingClaim }}
{{- if not (include "guestpass.postgresql" $) }}
- name: data
  persistentVolumeClaim: { claimName: {{ . }} }
{{- end }}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Only where there may be several. */}}
{{- define "guestpass.spread" -}}
{{- if .Values.topologySpreadConstraints -}}
topologySpreadConstraints:
  {{- toYaml .Values.topologySpreadConstraints | nindent 2 }}
{{- else if include "guestpass.postgresql" . -}}
topologySpreadConstraints:
  {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "guestpass.selector" $ | nindent 8 }}
  {{- end }}
{{- end }}
{{- end -}}
