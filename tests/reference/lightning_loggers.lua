-- Recorded by lightning_loggers_record.py.
return {
  csv_after_flush = "step,x\r\n" ..
    "0,1.0\r\n" ..
    "1,2.0\r\n",
  csv_before_flush = "False",
  csv_prefix = "p-b,p-loss,step\r\n" ..
    "2,1.5,0\r\n" ..
    ",2.5,1\r\n" ..
    ",3.5,0\r\n",
  csv_wide = "acc,epoch,loss,n,\"odd, name\",step,val_loss\r\n" ..
    ",,0.10000000149011612,,,0,\r\n" ..
    "0.5,,0.25,,,1,\r\n" ..
    ",0,,,,1,1.0000000116860974e-07\r\n" ..
    ",,3.3999999521443642e+38,,,2,\r\n" ..
    "inf,,nan,3,,7,\r\n" ..
    "-inf,,-0.0,,1e+16,8,\r\n",
  formats = "DEBUG - text 10\n" ..
    "INFO - text 20\n" ..
    "WARNING - text 30\n" ..
    "ERROR - text 40\n" ..
    "CRITICAL - text 50\n" ..
    "Level 25 - text 25\n" ..
    "DEBUG:a.b:text 10\n" ..
    "INFO:a.b:text 20\n" ..
    "WARNING:a.b:text 30\n" ..
    "ERROR:a.b:text 40\n" ..
    "CRITICAL:a.b:text 50\n" ..
    "Level 25:a.b:text 25\n" ..
    "a.b       |   DEBUG|010|text 10\n" ..
    "a.b       |    INFO|020|text 20\n" ..
    "a.b       | WARNING|030|text 30\n" ..
    "a.b       |   ERROR|040|text 40\n" ..
    "a.b       |CRITICAL|050|text 50\n" ..
    "a.b       |Level 25|025|text 25\n" ..
    "text 10 [MainProcess MainThread]\n" ..
    "text 20 [MainProcess MainThread]\n" ..
    "text 30 [MainProcess MainThread]\n" ..
    "text 40 [MainProcess MainThread]\n" ..
    "text 50 [MainProcess MainThread]\n" ..
    "text 25 [MainProcess MainThread]",
  heard = "T<top.middle.low:one\n" ..
    "root<top.middle.low:one\n" ..
    "L<top.middle.low:two\n" ..
    "T<top.middle.low:two\n" ..
    "root<top.middle.low:two\n" ..
    "T<top.middle.low:three\n" ..
    "root<top.middle.low:three\n" ..
    "L<top.middle.low:four\n" ..
    "T<top:seven\n" ..
    "root<top:seven\n" ..
    "50 top.middle True\n" ..
    "WARNING Level 35 20",
  histograms = "-3.0 100.0 9.0 101.25 10017.5625\n" ..
    "-0x1.7079a3510bc68p+1 1\n" ..
    "-0x1.e1fd3255ae5fap-2 1\n" ..
    "0x1.19799812dea11p-40 2\n" ..
    "0x1.1011fc1810b9cp-2 1\n" ..
    "0x1.024becdfa142bp+0 2\n" ..
    "0x1.4efa3760f36eap+1 1\n" ..
    "0x1.aeb491669dafep+6 1\n" ..
    "644 bins\n" ..
    "-3.0 100.0 9.0 101.25 10017.5625\n" ..
    "-0x1.8000000000000p+1 0\n" ..
    "0x1.6c00000000000p+4 8\n" ..
    "0x1.8400000000000p+5 0\n" ..
    "0x1.2900000000000p+6 0\n" ..
    "0x1.9000000000000p+6 1\n" ..
    "5 bins\n" ..
    "2:0 2.5:2",
  hparams_csv = "batch_size: 32\n" ..
    "big: 1.0e+16\n" ..
    "colon: 'a: b'\n" ..
    "dash: '- a'\n" ..
    "date: '2024-01-02'\n" ..
    "empty: ''\n" ..
    "flag: true\n" ..
    "hash: 'a #b'\n" ..
    "inf: .inf\n" ..
    "list:\n" ..
    "- 1\n" ..
    "- 2.5\n" ..
    "- x\n" ..
    "lr: 0.001\n" ..
    "minus: -3\n" ..
    "name: mlp\n" ..
    "nested:\n" ..
    "  a:\n" ..
    "    c: d\n" ..
    "  b: 1\n" ..
    "no_items: []\n" ..
    "number: '12'\n" ..
    "quote: it's\n" ..
    "space: two words\n" ..
    "tiny: 1.0e-20\n" ..
    "'yes': 'yes'\n",
  hparams_none = "{}\n",
  hparams_tb = "batch_size: 32\n" ..
    "big: 1.0e+16\n" ..
    "colon: 'a: b'\n" ..
    "dash: '- a'\n" ..
    "date: '2024-01-02'\n" ..
    "empty: ''\n" ..
    "flag: true\n" ..
    "hash: 'a #b'\n" ..
    "inf: .inf\n" ..
    "list:\n" ..
    "- 1\n" ..
    "- 2.5\n" ..
    "- x\n" ..
    "lr: 0.001\n" ..
    "minus: -3\n" ..
    "name: mlp\n" ..
    "nested:\n" ..
    "  a:\n" ..
    "    c: d\n" ..
    "  b: 1\n" ..
    "no_items: []\n" ..
    "number: '12'\n" ..
    "quote: it's\n" ..
    "space: two words\n" ..
    "tiny: 1.0e-20\n" ..
    "'yes': 'yes'\n",
  log_dirs = "v/version_4\n" ..
    "empty/version_0\n" ..
    "version_0\n" ..
    "v/mine\n" ..
    "v/version_2\n" ..
    "v/version_4\n" ..
    "v/version_4/sub\n" ..
    "version_0",
  percent = "a and 1\n" ..
    "50%\n" ..
    " 3.14|\n" ..
    "ab    |    cd|\n" ..
    "00042 +7\n" ..
    "ff FF 10 0xff\n" ..
    "1.234568e+04 0.0001\n" ..
    "\"it's\"\n" ..
    "0.1\n" ..
    "1e+16\n" ..
    "abc|\n" ..
    "3\n" ..
    " 1.234e-04|\n" ..
    "   42|\n" ..
    "True\n" ..
    "no arguments: 100%\n" ..
    "-3\n" ..
    "x\n" ..
    "inf\n" ..
    "2",
}
