const { copyFileSync } = require('node:fs')
const webpack = require('webpack')
const config = require('./webpack.config.cjs')

// webpack's own command line is a package of its own.
webpack(config, (error, stats) => {
  console.log(error ?? stats.toString({ colors: false }))
  copyFileSync(`${__dirname}/index.html`, `${config.output.path}/index.html`)
  if (error || stats.hasErrors()) process.exitCode = 1
})
