{{/* The device of an ingester: as it says, or the one that the ingester class of existing values means. The table is a copy of that in
src/beamloom/devices/ingester_classes.py, and a test holds them together. */}}
{{- define "beamloom.device" -}}
{{- $own := .own -}}
{{- $classes := dict "ZmqPullEigerLegacyIngester" "dectris_v1" "ZmqPullSingleIngester" "stins" "ZmqSubAlbaemIngester" "albaem" "ZmqSubContrastIngester" "contrast" "ZmqSubLecroyIngester" "lecroy" "ZmqSubPCAPIngester" "pcap" "ZmqSubXspressIngester" "xspress3" "TcpPcapIngester" "pandabox" -}}
{{- if $own.device -}}
{{ $own.device }}
{{- else if $own.ingester_app -}}
sardana
{{- else -}}
{{- $class := last (splitList ":" ($own.ingester_class | default "ZmqPullSingleIngester")) -}}
{{- if not (hasKey $classes $class) -}}
{{- fail (printf "ingesters.%s.ingester_class is %q, but there are %s; or name a device of Beamloom as ingesters.%s.device" .key $class (keys $classes | sortAlpha | join ", ") .key) -}}
{{- end -}}
{{ get $classes $class }}
{{- end -}}
{{- end -}}

{{/* What the ingester receives, as JSON: its streams with their devices, or the one that its own keys describe. */}}
{{- define "beamloom.streams" -}}
{{- $own := .own -}}
{{- if $own.streams -}}
{{- range $one := list "upstream_url" "connect_url" "device" "ingester_class" "ingester_app" "stream" "options" "ingesters" -}}
{{- if hasKey $own $one }}{{ fail (printf "ingesters.%s has streams and %s; say of each stream what it needs" $.key $one) }}{{ end -}}
{{- end -}}
{{ toJson $own.streams }}
{{- else -}}
{{- $url := $own.upstream_url | default $own.connect_url -}}
{{- if $own.ingester_app }}{{ $url = printf "http://0.0.0.0:%v" .root.Values.ports.ingesterHttp }}{{ end -}}
{{- $stream := merge (dict "device" (include "beamloom.device" .)) ($own.options | default dict) -}}
{{- if $url }}{{ $_ := set $stream "url" $url }}{{ end -}}
{{- if gt (int ($own.ingesters | default 1)) 1 }}{{ $_ := set $stream "ingesters" (int $own.ingesters) }}{{ end -}}
{{- if and (not $url) (not $own.options) -}}
{{- fail (printf "ingesters.%s has no upstream_url; give the address of its device, such as tcp://detector:9999" .key) -}}
{{- end -}}
{{- toJson (dict ($own.stream | default .key) $stream) -}}
{{- end -}}
{{- end -}}
