-- Sends the prepared requests of a file one after the other, over and over, and prints the result as one line of JSON.
-- wrk itself counts the answers whose status is 400 or more; no other status that is not 200 occurs here.
-- The file is Lua that sets `requests`; or, for more of them than Lua source can have, has a zero byte behind each.
-- Arguments: the file, the number of the request to begin behind, how many each thread sends a second (as many as it can).

local function read(path)
    local file = assert(io.open(path, "rb"))
    requests = {}
    for request in file:read("*a"):gmatch("[^%z]+") do
        requests[#requests + 1] = request
    end
    file:close()
end

-- Requests of a thread are due at even times, whatever answers take: who is late does not make the next ones later.
local function pace(rate)
    local ffi = require("ffi")
    ffi.cdef("typedef struct { long seconds, nanoseconds; } moment; int clock_gettime(int clock, moment *time);")
    local moment, monotonic = ffi.new("moment"), 1
    local function now()
        ffi.C.clock_gettime(monotonic, moment)
        return tonumber(moment.seconds) + tonumber(moment.nanoseconds) / 1e9
    end
    local due = now()
    math.randomseed(due)
    function delay()
        due = due + 1 / rate
        -- wrk waits for whole milliseconds; chance keeps the mean.
        return math.max(0, math.floor((due - now()) * 1000 + math.random()))
    end
end

function init(arguments)
    if arguments[1]:match("%.lua$") then
        dofile(arguments[1])
    else
        read(arguments[1])
    end
    position = tonumber(arguments[2]) or 0
    if arguments[3] then pace(tonumber(arguments[3])) end
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
