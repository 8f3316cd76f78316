{{/* Everything is called after the release, so that a namespace has room for several. */}}
{{- define "beamloom.name" -}}
{{- .Values.fullnameOverride | default .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "beamloom.selector" -}}
app.kubernetes.io/name: beamloom
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- with .part }}
beamloom/part: {{ . }}
{{- end }}
{{- end -}}

{{- define "beamloom.labels" -}}
{{ include "beamloom.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end -}}

{{/* Name, labels. Takes root, component, part (optional), ending (optional: that of the name, where it is not the component). */}}
{{- define "beamloom.metadata" -}}
name: {{ include "beamloom.name" .root }}-{{ .ending | default .component }}
labels:
  {{- include "beamloom.labels" . | nindent 2 }}
{{- end -}}

{{- define "beamloom.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{ .Values.serviceAccount.name | default (include "beamloom.name" .) }}
{{- else -}}
{{ .Values.serviceAccount.name | default "default" }}
{{- end -}}
{{- end -}}

{{- define "beamloom.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}

{{/* The image that has the analysis: of workers and the reducer. */}}
{{- define "beamloom.analysisImage" -}}
{{ .Values.science_image | default (include "beamloom.image" .) }}
{{- end -}}

{{- define "beamloom.secret" -}}
{{ .Values.secrets.existing | default (printf "%s-secrets" (include "beamloom.name" .)) }}
{{- end -}}

{{- define "beamloom.hasStore" -}}
{{- if or .Values.store.url .Values.store.urlSecret.name .Values.store.valkey.enabled }}true{{ end -}}
{{- end -}}

{{- define "beamloom.scheme" -}}
{{ if .Values.http.tlsSecret }}https{{ else }}http{{ end }}
{{- end -}}
