-- Sends the prepared requests of a file one after the other, over and over, and prints the result as one line of JSON.
-- wrk itself counts the answers whose status is 400 or more; no other status that is not 200 occurs here.

function init(arguments)
    dofile(arguments[1])
    position = tonumber(arguments[2]) or 0
end

function request()
    position = position % #requests + 1
    return requests[position]
end

function done(summary, latency)
    local errors = summary.errors
    io.write(string.format(
        '\nRESULT {"requests":%d,"microseconds":%d,"refused":%d,"broken":%d,"p50":%d,"p90":%d,"p99":%d,"worst":%d}\n',
        summary.requests, summary.duration, errors.status,
        errors.connect + errors.read + errors.write + errors.timeout,
        latency:percentile(50), latency:percentile(90), latency:percentile(99), latency.max
    ))
end
