{{/*
The pod of a component. Takes
  root, component, part, own: the values of the component
  containers: a list of dicts with name, image, command, env (text), ports (name: number), health (port), own, patience (seconds
    of silence after which it is started anew)
  grace: seconds that the pod may take to end
  data: whether it mounts data.volumes
*/}}
{{- define "beamloom.pod" -}}
{{- $root := .root -}}
{{- $values := .root.Values -}}
{{- $own := .own -}}
{{- $data := .data -}}
metadata:
  labels:
    {{- include "beamloom.labels" . | nindent 4 }}
  {{- $annotations := merge dict ($own.podAnnotations | default dict) ($values.podAnnotations | default dict) }}
  {{- if $own.purple }}{{ $annotations = merge dict $annotations $values.sriov.annotations }}{{ end }}
  {{- with $annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  serviceAccountName: {{ include "beamloom.serviceAccount" $root }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ .grace }}
  {{- if $values.sharedMemory.hostPID }}
  hostPID: true
  {{- else }}
  shareProcessNamespace: true
  {{- end }}
  {{- if $own.hostNetwork }}
  hostNetwork: true
  dnsPolicy: ClusterFirstWithHostNet
  {{- end }}
  securityContext:
    {{- toYaml $values.podSecurityContext | nindent 4 }}
  {{- with $values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $own.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with $own.runtimeClassName }}
  runtimeClassName: {{ . }}
  {{- end }}
  {{- with $own.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $own.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $own.topologySpreadConstraints }}
  topologySpreadConstraints:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- include "beamloom.affinity" (dict "affinity" $own.affinity) | nindent 2 }}
  {{- if $values.secrets.keys }}
  initContainers:
    # Kubernetes mounts secrets readable by a group; Beamloom takes keys that their owner alone can read.
    - name: keys
      image: {{ (first .containers).image }}
      imagePullPolicy: {{ $values.image.pullPolicy }}
      command: [sh, -c, "umask 077; cp /run/beamloom/secret/pipeline.keys /run/beamloom/keys/pipeline.keys"]
      securityContext:
        {{- toYaml $values.securityContext | nindent 8 }}
      resources:
        {{- toYaml $values.initResources | nindent 8 }}
      volumeMounts:
        - {name: secret, mountPath: /run/beamloom/secret, readOnly: true}
        - {name: keys, mountPath: /run/beamloom/keys}
  {{- end }}
  containers:
    {{- range .containers }}
    - name: {{ .name }}
      image: {{ .image }}
      imagePullPolicy: {{ $values.image.pullPolicy }}
      command: {{ toJson .command }}
      env:
        {{- .env | nindent 8 }}
      ports:
        {{- range $name, $number := .ports }}
        - {name: {{ $name }}, containerPort: {{ $number }}, protocol: TCP}
        {{- end }}
        - {name: {{ .healthName | default "health" }}, containerPort: {{ .health }}, protocol: TCP}
      # Before its first sign of life a process starts, or stands by: it lives as long as it answers.
      livenessProbe:
        httpGet: {path: /livez, port: {{ .health }}}
        initialDelaySeconds: 20
        periodSeconds: 15
        timeoutSeconds: 5
        failureThreshold: {{ max 3 (div .patience 15) }}
      readinessProbe:
        httpGet: {path: /readyz, port: {{ .health }}}
        periodSeconds: 2
        timeoutSeconds: 5
        failureThreshold: 3
      securityContext:
        {{- toYaml $values.securityContext | nindent 8 }}
      {{- $resources := deepCopy (.own.resources | default dict) }}
      {{- if .own.purple }}{{ $resources = merge $resources (dict "limits" $values.sriov.resources "requests" $values.sriov.resources) }}{{ end }}
      resources:
        {{- toYaml $resources | nindent 8 }}
      volumeMounts:
        - {name: state, mountPath: /var/lib/beamloom}
        - {name: tmp, mountPath: /tmp}
        {{- if $values.secrets.keys }}
        - {name: keys, mountPath: /run/beamloom/keys, readOnly: true}
        {{- end }}
        {{- if and $values.http.tlsSecret .servesHttp }}
        - {name: tls, mountPath: /run/beamloom/tls, readOnly: true}
        {{- end }}
        {{- if $data }}
        {{- with $values.data.volumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
        {{- end }}
        {{- with .own.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    {{- end }}
  volumes:
    {{- if and $own.persistence $own.persistence.enabled }}
    - name: state
      persistentVolumeClaim:
        claimName: {{ $own.persistence.existingClaim | default (printf "%s-%s-state" (include "beamloom.name" $root) (.ending | default .component)) }}
    {{- else }}
    - {name: state, emptyDir: {}}
    {{- end }}
    - {name: tmp, emptyDir: {}}
    {{- if $values.secrets.keys }}
    - name: secret
      secret: {secretName: {{ include "beamloom.secret" $root }}, items: [{key: {{ $values.secrets.keysKey }}, path: pipeline.keys}]}
    - {name: keys, emptyDir: {medium: Memory, sizeLimit: 1Mi}}
    {{- end }}
    {{- if and $values.http.tlsSecret (first .containers).servesHttp }}
    - {name: tls, secret: {secretName: {{ $values.http.tlsSecret }}}}
    {{- end }}
    {{- if $data }}
    {{- with $values.data.volumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
    {{- end }}
    {{- with $own.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end -}}

{{/* The short form of sites, {namespace, component}: on the node of that pod; else an affinity of Kubernetes. */}}
{{- define "beamloom.affinity" -}}
{{- with .affinity }}
affinity:
  {{- if .component }}
  podAffinity:
    requiredDuringSchedulingIgnoredDuringExecution:
      - topologyKey: kubernetes.io/hostname
        {{- with .namespace }}
        namespaces: [{{ . }}]
        {{- end }}
        labelSelector:
          matchLabels:
            {{- if .matchLabels }}
            {{- toYaml .matchLabels | nindent 12 }}
            {{- else }}
            app.daq.pipeline/component: {{ .component }}
            {{- with .instance | default .namespace }}
            app.kubernetes.io/instance: {{ . }}
            {{- end }}
            {{- end }}
  {{- else }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* The claim of a component whose state is to outlive its pod. Takes root, component, part, ending, own. */}}
{{- define "beamloom.claim" -}}
{{- $persistence := .own.persistence | default dict }}
{{- if and $persistence.enabled (not $persistence.existingClaim) }}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  {{- include "beamloom.metadata" (merge (dict "ending" (printf "%s-state" (.ending | default .component))) .) | nindent 2 }}
spec:
  accessModes: [ReadWriteOnce]
  {{- with $persistence.storageClass }}
  storageClassName: {{ . }}
  {{- end }}
  resources: {requests: {storage: {{ $persistence.size | default "10Gi" }}}}
{{- end }}
{{- end -}}
