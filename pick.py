import re
def pick(p, f):
    s=open(p).read()
    s=re.sub(r'<<<<<<< [^\n]*\n(.*?)=======\n(.*?)>>>>>>> [^\n]*\n', lambda m:f(m.group(1),m.group(2)), s, flags=re.S)
    open(p,'w').write(s)
