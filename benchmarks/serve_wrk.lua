-- wrk's side of the load test: one sentence of a file a request, each connection asking again when its answer is there.
--
--     transduce serve RUN --rate 0 --threads 1
--     TEXTS=FILE SOURCE=en TARGET=fr wrk -t1 -c64 -d20s --latency -s benchmarks/serve_wrk.lua http://127.0.0.1:5000
--
-- At the end it counts the answers that are no translation; wrk counts them as requests too.

local lines, number = {}, 0
for line in io.lines(os.getenv("TEXTS")) do
  if line ~= "" then lines[#lines + 1] = line:gsub('[%c"\\]', function(c) return string.format("\\u%04x", c:byte()) end) end
end
local around = string.format('{"source":"%s","target":"%s","q":"%%s"}', os.getenv("SOURCE") or "en", os.getenv("TARGET") or "fr")
local headers = { ["Content-Type"] = "application/json", ["Host"] = "localhost" }
local threads = {}

function setup(thread)
  threads[#threads + 1] = thread
end

function init()
  refused = 0 -- a global: read from the thread at the end
end

function request()
  number = number % #lines + 1
  return wrk.format("POST", "/translate", headers, (around:gsub("%%s", function() return lines[number] end)))
end

function response(status)
  if status ~= 200 then refused = refused + 1 end
end

function done(summary)
  local failed = 0
  for _, thread in ipairs(threads) do failed = failed + thread:get("refused") end
  print(string.format("%d answers, %d of them no translation", summary.requests, failed))
end
