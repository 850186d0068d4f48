-- A random mix of endings, which SEED makes; ENDINGS names them. After REQUESTS answers wrk stops, and drops what is
-- under way. One thread of wrk, because the counts are a thread's.

local names, wanted = {}, tonumber(os.getenv("REQUESTS"))
for name in os.getenv("ENDINGS"):gmatch("%S+") do
    names[#names + 1] = name
end
math.randomseed(tonumber(os.getenv("SEED")))
answered, failed = 0, 0

local theThread
function setup(thread)
    theThread = thread
end

function request()
    return wrk.format("GET", "/" .. names[math.random(#names)])
end

function response(status)
    answered = answered + 1
    -- 200, 302 and 500 are how requests end here; a server without a worker answers 502 or 503.
    if status ~= 200 and status ~= 302 and status ~= 500 then
        failed = failed + 1
    end
    if answered == wanted then
        -- A thread that stops lets wrk sleep on; and while it waits for a command it takes no signal.
        os.execute("(sleep 0.02; kill -INT $PPID) &")
    end
end

function done(summary)
    local errors = summary.errors.connect + summary.errors.timeout
    io.write(string.format('\n{"answered":%d,"failed":%d,"errors":%d}\n', theThread:get("answered"), theThread:get("failed"), errors))
end
