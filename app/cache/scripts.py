"""What Redis runs on the snapshots, each script over many keys at once.

A customer's value is a hash: `r` the revision, `b` the signed body, `m` the mark of a reader who is still reading. Only
readers bring customers in, who left a mark in the empty place and then read: a writer comes some time after its commit,
and where the place was emptied meanwhile, nothing there says that another has written since. Beside a mark a writer's
value waits for the reader, and the newer of both stays. Whatever is wrong with a place is deleted and counts as empty.
"""

from app.cache.line import LuaScript

# KEYS: one a customer. ARGV: seconds to live, then revision and body for each key. Equal revisions may replace each
# other: they differ only in what was read along. The answer is how many there was no room for.
PUT = LuaScript("""
local refused = 0
for i, key in ipairs(KEYS) do
  local there = redis.pcall('HMGET', key, 'r', 'm')
  if there.err or (there[1] and not tonumber(there[1])) then
    redis.call('DEL', key)
  elseif (there[1] or there[2]) and (not there[1] or tonumber(there[1]) <= tonumber(ARGV[2 * i])) then
    local put = redis.pcall('HSET', key, 'r', ARGV[2 * i], 'b', ARGV[2 * i + 1])
    if type(put) == 'table' and put.err then
      redis.call('DEL', key)
      refused = refused + 1
    elseif not there[2] then
      redis.call('EXPIRE', key, ARGV[1])
    end
  end
end
return refused
""")
# What is there of one customer: the revision, or nothing; the body, or the mark where it could be left. A mark that is
# there stays, for whoever left it and for whoever comes: replaced by each, a customer whom many ask for would never get
# in.
_LOOK = """
local function look(key, mark, seconds)
  local there = redis.pcall('HMGET', key, 'r', 'b', 'm')
  if not there.err and there[3] then
    return false, there[3]
  elseif not there.err and there[1] and there[2] then
    return there[1], there[2]
  end
  redis.call('DEL', key)
  local marked = redis.pcall('HSET', key, 'm', mark)
  if type(marked) == 'table' and marked.err then return false, false end
  redis.call('EXPIRE', key, seconds)
  return false, mark
end
local told = {}
"""
# KEYS: one a customer. ARGV: a mark to leave where there is nothing, seconds for which it stands. The answer: two
# values for each key, one after another.
GET = LuaScript(
    _LOOK
    + """
for i, key in ipairs(KEYS) do
  told[2 * i - 1], told[2 * i] = look(key, ARGV[1], ARGV[2])
end
return told
"""
)
# KEYS: one an identifier. ARGV: the same, then how customers' keys begin. The answer: three values for each key; first
# what is there, which begins with the owner's id in hexadecimal, or the mark where it could be left; then what is there
# of the owner.
FIND = LuaScript(
    _LOOK
    + """
for i, key in ipairs(KEYS) do
  local owner = redis.pcall('GET', key)
  if type(owner) == 'table' and owner.err then redis.call('DEL', key) owner = false end
  if not owner then
    local marked = redis.pcall('SET', key, ARGV[1], 'EX', ARGV[2])
    if not marked.err then owner = ARGV[1] end
  end
  local revision, body = false, false
  if owner and #owner == 48 then
    revision, body = look(ARGV[3] .. string.sub(owner, 1, 32), ARGV[1], ARGV[2])
  end
  told[3 * i - 2], told[3 * i - 1], told[3 * i] = owner, revision, body
end
return told
"""
)
# KEYS: one a reader. ARGV: seconds to live, then for each key the mark (or the revision) that was seen, revision, body.
# A reader was slow where somebody has written since, or where the place was emptied: what it read may be older than
# what was there.
FILL = LuaScript("""
for i, key in ipairs(KEYS) do
  local seen, revision = ARGV[3 * i - 1], ARGV[3 * i]
  local there = redis.pcall('HMGET', key, 'r', 'm')
  if not there.err and (there[2] or there[1]) == seen then
    if not (tonumber(there[1]) and tonumber(there[1]) > tonumber(revision)) then
      local filled = redis.pcall('HSET', key, 'r', revision, 'b', ARGV[3 * i + 1])
      if type(filled) == 'table' and filled.err then redis.call('DEL', key) return filled end
    end
    redis.call('HDEL', key, 'm')
    redis.call('EXPIRE', key, ARGV[1])
  end
end
""")
# KEYS: one an identifier. ARGV: seconds to live, then for each key the mark that was seen and the owner.
PUT_OWNERS = LuaScript("""
for i, key in ipairs(KEYS) do
  if redis.pcall('GET', key) == ARGV[2 * i] then redis.call('SET', key, ARGV[2 * i + 1], 'EX', ARGV[1]) end
end
""")
