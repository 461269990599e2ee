-- Sends the prepared requests of a file one after the other, over and over, and prints the result as one line of JSON.
-- wrk itself counts the answers whose status is 400 or more; no other status that is not 200 occurs here.
-- The file is Lua that sets `requests`; or, for more of them than Lua source can have, has a zero byte behind each.

local function read(path)
    local file = assert(io.open(path, "rb"))
    requests = {}
    for request in file:read("*a"):gmatch("[^%z]+") do
        requests[#requests + 1] = request
    end
    file:close()
end

function init(arguments)
    if arguments[1]:match("%.lua$") then
        dofile(arguments[1])
    else
        read(arguments[1])
    end
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
