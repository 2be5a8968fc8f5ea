"""What Redis runs on the snapshots, each script over many keys at once.

A customer's value is a hash: `r` the revision, `b` the signed body, or `m` a reader's mark where there is nothing.
Whatever is wrong with a place is deleted and counts as empty.
"""

from app.cache.line import LuaScript

# KEYS: one a customer. ARGV: seconds to live, then revision and body for each key. Equal revisions may replace each
# other: they differ only in what was read along. The answer is how many there was no room for.
PUT = LuaScript("""
local refused = 0
for i, key in ipairs(KEYS) do
  local there = redis.pcall('HGET', key, 'r')
  if type(there) == 'table' and there.err then redis.call('DEL', key) there = false end
  if not there or not tonumber(there) or tonumber(there) <= tonumber(ARGV[2 * i]) then
    local put = redis.pcall('HSET', key, 'r', ARGV[2 * i], 'b', ARGV[2 * i + 1])
    if type(put) == 'table' and put.err then
      redis.call('DEL', key)
      refused = refused + 1
    else
      redis.call('HDEL', key, 'm')
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
  if not there.err and there[1] and there[2] then
    return there[1], there[2]
  elseif not there.err and not there[1] and not there[2] and there[3] then
    return false, there[3]
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
# what is there, which begins with the owner's id, then what is there of that customer.
FIND = LuaScript(
    _LOOK
    + """
local hex = string.rep('%02x', 16)
for i, key in ipairs(KEYS) do
  local owner = redis.pcall('GET', key)
  if type(owner) == 'table' and owner.err then redis.call('DEL', key) owner = false end
  local revision, body = false, false
  if owner and #owner == 32 then
    revision, body = look(ARGV[3] .. string.format(hex, string.byte(owner, 1, 16)), ARGV[1], ARGV[2])
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
  local seen = ARGV[3 * i - 1]
  local there = redis.pcall('HMGET', key, 'r', 'm')
  if not there.err and (there[1] == seen or there[2] == seen) then
    local filled = redis.pcall('HSET', key, 'r', ARGV[3 * i], 'b', ARGV[3 * i + 1])
    if type(filled) == 'table' and filled.err then return filled end
    redis.call('HDEL', key, 'm')
    redis.call('EXPIRE', key, ARGV[1])
  end
end
""")
# KEYS: one an identifier. ARGV: seconds to live, then the owner for each key; what is there stays.
PUT_OWNERS = LuaScript("""
for i, key in ipairs(KEYS) do
  redis.call('SET', key, ARGV[i + 1], 'NX', 'EX', ARGV[1])
end
""")
