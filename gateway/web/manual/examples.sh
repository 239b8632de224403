#: sign-in
url=${GUANXI_URL:-http://localhost:8080}
session=$(curl -fsS "$url/api/v1/sessions" -H 'content-type: application/json' \
  -d "{\"email\":\"admin@example.com\",\"password\":\"$PASSWORD\"}" | jq -r .token)

#: api-key
key=$(curl -fsS "$url/api/v1/apiKeys" -H "authorization: Bearer $session" -H 'content-type: application/json' \
  -d "{\"name\":\"erp\",\"scopes\":[\"customers:write\",\"files:write\",\"jobs:read\"],\"expireTime\":\"$(date -u -d '+90 days' +%FT%TZ)\"}" | jq -r .secret)

#: create
id=$(curl -fsS "$url/api/v1/customers" -H "authorization: Bearer $key" -H 'content-type: application/json' \
  -H "idempotency-key: $(cat /proc/sys/kernel/random/uuid)" -d '{"name":"张三有限公司","stage":"prospect"}' | jq -r .id)

#: list
curl -fsS -g "$url/api/v1/customers?q=zsyx&filter[stage][in]=prospect,active&sort=-createTime&limit=10" \
  -H "authorization: Bearer $key" | jq -r '.data[].name'

#: change
etag=$(curl -fsS -D - -o /dev/null "$url/api/v1/customers/$id" -H "authorization: Bearer $key" | tr -d '\r' | sed -n 's/^[Ee][Tt]ag: //p')
curl -fsS -X PATCH "$url/api/v1/customers/$id" -H "authorization: Bearer $key" -H "if-match: $etag" \
  -H 'content-type: application/merge-patch+json' -d '{"stage":"active"}' | jq -r .stage

#: batch
curl -fsS "$url/api/v1/customers:batch" -H "authorization: Bearer $key" -H 'content-type: application/json' \
  -H "idempotency-key: $(cat /proc/sys/kernel/random/uuid)" \
  -d "{\"operations\":[{\"create\":{\"name\":\"赵六有限公司\"}},{\"update\":{\"id\":\"$id\",\"patch\":{\"industry\":\"批发\"}}}]}" | jq -r '.results[].status'

#: past
curl -fsS "$url/api/v1/customers/$id/history?limit=2" -H "authorization: Bearer $key" | jq -r '.data[] | .version + " " + (.fields | join(","))'
curl -fsS "$url/api/v1/customers/$id?version=1" -H "authorization: Bearer $key" | jq -r .stage

#: external
curl -fsS -X PUT "$url/api/v1/customers/external/erp/4711" -H "authorization: Bearer $key" \
  -H 'content-type: application/json' -d '{"name":"李四有限公司"}' | jq -r .id

#: problem
curl -sS "$url/api/v1/customers" -H "authorization: Bearer $key" -H 'content-type: application/json' \
  -H 'accept-language: zh' -d '{"name":""}' | jq -r '.code, .errors[0].pointer, .errors[0].message'

#: events
timeout 5 curl -sN "$url/api/v1/events?types=guanxi.customer.customer.*&from=earliest" \
  -H "authorization: Bearer $key" | sed -n 's/^data: //p' | head -n 1 | jq -r '.type, .subject'

#: import
printf 'name,employees\n王五有限公司,12\n' > customers.csv
file=$(curl -fsS "$url/api/v1/files?name=customers.csv" -H "authorization: Bearer $key" -H 'content-type: text/csv' \
  --data-binary @customers.csv | jq -r .id)
curl -fsS "$url/api/v1/customers:import" -H "authorization: Bearer $key" -H 'content-type: application/json' \
  -d "{\"fileId\":\"$file\"}" | jq -r .state
