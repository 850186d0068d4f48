-- The requests of wrk to one host, in the shares of a busy application: mostly lookups, a few builds. cli.php has the
-- same for the command line. One thread of wrk each, because the counts below are a thread's.

local asked = tonumber(os.getenv("ASKED") or "0")
total, bad, first = 0, 0, ""

local function path(n)
    local share, known, churn = n % 1000, (n * 7) % 40, n % 8
    if share < 600 then return "/find?name=known%20" .. known end
    if share < 760 then return "/find?name=missing%20" .. known end
    if share < 880 then return "/submit?name=known%20" .. known end
    if share < 930 then return "/status" end
    if share < 970 then return "/notified?name=known%20" .. known end
    if share < 985 then return "/builds" end
    if share < 990 then return "/entries" end
    if share < 992 then return "/build?name=churn%20" .. churn end
    if share < 993 then return "/forget?name=churn%20" .. churn end
    if share < 996 then return "/put?name=put%20" .. churn end
    if share < 998 then return "/build?name=churn%20" .. churn end
    return "/rebuild?name=churn%20" .. churn
end

local theThread
function setup(thread)
    theThread = thread
end

function request()
    asked = asked + 1
    return wrk.format("GET", path(asked))
end

function response(status, _, body)
    total = total + 1
    if status ~= 200 or not body:find('"answer"', 1, true) or body:find('"class"', 1, true) or body:find('"good":false', 1, true) then
        bad = bad + 1
        if first == "" then first = status .. " " .. body:sub(1, 300):gsub('[\\"%c]', "'") end
    end
end

function done(summary, latency)
    local errors = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
    io.write(string.format('\n{"total":%d,"bad":%d,"first":"%s","errors":%d,"p99_us":%d}\n',
        theThread:get("total"), theThread:get("bad"), theThread:get("first"), errors, latency:percentile(99)))
end
