{{/* What a worker is given. Takes root, own, class, tags, name, health. */}}
{{- define "beamloom.workerEnv" -}}
{{ include "beamloom.memberEnv" . }}
{{- with .class }}
- name: BEAMLOOM_WORKER_CLASS
  value: {{ . | quote }}
{{- end }}
{{- with .tags }}
- name: BEAMLOOM_TAGS
  value: {{ (kindIs "string" .) | ternary . (toJson .) | quote }}
{{- end }}
{{- end -}}

{{/* The packages of the worker classes, as `beamloom up` gives them to the reducer: results may be made of their classes. */}}
{{- define "beamloom.packages" -}}
{{- $packages := dict -}}
{{- $classes := list .Values.worker.class -}}
{{- range .Values.extra_workers }}{{ $classes = append $classes .class }}{{ end -}}
{{- range $classes }}
{{- if . }}{{ $_ := set $packages (first (splitList "." (first (splitList ":" .)))) true }}{{ end -}}
{{- end -}}
{{- keys $packages | sortAlpha | join "," -}}
{{- end -}}
