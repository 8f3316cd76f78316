{{/* Settings as variables. Takes a mapping of settings to values, as docs/reference/settings.md has them. */}}
{{- define "beamloom.settings" -}}
{{- range $name, $value := . }}
{{- if not (kindIs "invalid" $value) }}
- name: BEAMLOOM_{{ upper $name }}
  value: {{ if or (kindIs "map" $value) (kindIs "slice" $value) }}{{ toJson $value | quote }}{{ else if kindIs "float64" $value }}{{ if eq (floor $value) $value }}{{ printf "%.0f" $value | quote }}{{ else }}{{ $value | quote }}{{ end }}{{ else }}{{ $value | quote }}{{ end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Variables as Kubernetes takes them. Takes a mapping of names to texts. */}}
{{- define "beamloom.variables" -}}
{{- range $name, $value := . }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end -}}

{{/* What every process is given. Takes root, name, own (the values of its component), health (its port). */}}
{{- define "beamloom.commonEnv" -}}
{{- $values := .root.Values -}}
- name: POD_IP
  valueFrom: {fieldRef: {fieldPath: status.podIP}}
- name: POD_NAME
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
# What refers to one of these stands behind them.
- name: BEAMLOOM_NAME
  value: {{ .name | quote }}
- name: BEAMLOOM_BIND
  value: $(POD_IP)
- name: BEAMLOOM_HEALTH_PORT
  value: {{ .health | quote }}
- name: BEAMLOOM_LOG_LEVEL
  value: {{ $values.log_level | quote }}
{{- if $values.secrets.keys }}
- name: BEAMLOOM_KEYS
  value: /run/beamloom/keys/pipeline.keys
{{- else }}
- name: BEAMLOOM_MAILBOX_OPEN
  value: "true"
{{- end }}
- name: XDG_STATE_HOME
  value: /var/lib/beamloom
- name: HOME
  value: /tmp
{{- with $values.global.beamline }}
- name: BEAMLINE
  value: {{ . | quote }}
{{- end }}
{{- with $values.global.dump_prefix }}
- name: BEAMLOOM_RECORD_PREFIX
  value: {{ . | quote }}
{{- end }}
{{- with (merge dict (.own.settings | default dict) ($values.settings | default dict)) }}
{{- include "beamloom.settings" . }}
{{- end }}
{{- with (merge dict (.own.env | default dict) ($values.env | default dict)) }}
{{- include "beamloom.variables" . }}
{{- end }}
{{- end -}}

{{/* What every process is given that reports to a controller. */}}
{{- define "beamloom.memberEnv" -}}
- name: BEAMLOOM_CONTROLLER
  value: tcp://{{ include "beamloom.name" .root }}-controller:{{ .root.Values.ports.mailbox }}
{{ include "beamloom.commonEnv" . }}
{{- end -}}

{{/* What every process is given that serves HTTP. Takes root, port, host (that of its Ingress, without the suffix). */}}
{{- define "beamloom.httpEnv" -}}
{{- $values := .root.Values -}}
{{- $secret := include "beamloom.secret" .root -}}
{{- $service := printf "%s-%s" (include "beamloom.name" .root) .component -}}
{{- $local := printf "%s.%s" $service .root.Release.Namespace -}}
{{- $names := list $service $local (printf "%s.svc" $local) (printf "%s.svc.%s" $local $values.clusterDomain) -}}
{{- if $values.ingress.suffix }}{{ $names = append $names (printf "%s.%s" $service $values.ingress.suffix) }}{{ end -}}
- name: BEAMLOOM_HTTP_HOST
  value: 0.0.0.0
- name: BEAMLOOM_HTTP_PORT
  value: {{ .port | quote }}
- name: BEAMLOOM_HTTP_NAMES
  value: {{ join "," $names | quote }}
{{- if $values.http.open }}
- name: BEAMLOOM_HTTP_OPEN
  value: "true"
{{- else }}
- name: BEAMLOOM_HTTP_READ_TOKEN
  valueFrom: {secretKeyRef: {name: {{ $secret }}, key: {{ $values.secrets.readTokenKey }}}}
- name: BEAMLOOM_HTTP_CONTROL_TOKEN
  valueFrom: {secretKeyRef: {name: {{ $secret }}, key: {{ $values.secrets.controlTokenKey }}}}
{{- end }}
{{- if $values.http.tlsSecret }}
- name: BEAMLOOM_HTTP_CERTIFICATE
  value: /run/beamloom/tls/tls.crt
- name: BEAMLOOM_HTTP_KEY
  value: /run/beamloom/tls/tls.key
{{- end }}
{{- end -}}

{{/* Where the controller keeps its state. */}}
{{- define "beamloom.storeEnv" -}}
{{- $values := .Values -}}
{{- if $values.store.urlSecret.name }}
- name: BEAMLOOM_STORE
  valueFrom: {secretKeyRef: {name: {{ $values.store.urlSecret.name }}, key: {{ $values.store.urlSecret.key }}}}
{{- else if $values.store.url }}
- name: BEAMLOOM_STORE
  value: {{ $values.store.url | quote }}
{{- else if $values.store.valkey.enabled }}
- name: STORE_PASSWORD
  valueFrom: {secretKeyRef: {name: {{ include "beamloom.secret" . }}, key: {{ $values.secrets.storePasswordKey }}}}
- name: BEAMLOOM_STORE
  value: redis://:$(STORE_PASSWORD)@{{ include "beamloom.name" . }}-valkey:6379/0
{{- else }}
- name: BEAMLOOM_STATE_DIR
  value: /var/lib/beamloom/controller
{{- end }}
- name: BEAMLOOM_PIPELINE
  value: {{ $values.store.pipeline | default (printf "%s.%s" .Release.Namespace (include "beamloom.name" .)) | trunc 64 | quote }}
{{- end -}}
